"""Pages in a real browser: Debian's chromium, driven by Playwright, before a served deployment with cards behind it."""
