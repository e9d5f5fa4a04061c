"""`python -m jitsuin_client assertion FILE`: an assertion for a request whose body is that file, for use with curl.

Environment: JITSUIN (address of the service), JITSUIN_PARTY, JITSUIN_KID, JITSUIN_KEY (file with the private key).
"""

import os
import sys
from pathlib import Path

from jitsuin_client import Credentials


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] != "assertion":
        print(__doc__, file=sys.stderr)
        return 2
    credentials = Credentials(
        os.environ["JITSUIN_PARTY"],
        os.environ["JITSUIN_KID"],
        Path(os.environ["JITSUIN_KEY"]).read_bytes(),
        os.environ["JITSUIN"],
    )
    print(credentials.assertion(Path(sys.argv[2]).read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
