"""What our secrets begin with, so that people, logs and scanners know them at sight. Pure."""

from typing import Final

BEARER: Final = "bf_"
"""A token of a person or an app."""
COOKIE: Final = "bs_"
"""A session of a browser."""
LINK: Final = "bl_"
"""A link that shows a build."""
IN_COOKIES: Final = COOKIE, LINK
"""What a cookie may have; a token is for headers."""
ANY: Final = f"{BEARER}|{COOKIE}|{LINK}"
"""Each of them, in a regular expression."""
