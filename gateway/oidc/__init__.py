"""People who come by an OpenID provider: its tokens as bearers, and the sign-in of the page."""
