"""What several tests stand on: a private PostgreSQL, the processes of a test run, fixed time and chance."""
