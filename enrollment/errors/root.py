"""The root of this package's errors."""

from pki.errors import Error


class EnrollmentError(Error):
    """Any refusal of this package."""
