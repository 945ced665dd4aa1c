#!/bin/sh
# A command of Buildfeed with the settings and the user of the service, as `sudo buildfeed token list`.
# In the audit it is who typed it.
set -eu
set -a
. /etc/buildfeed.env
LOGNAME=${SUDO_USER:-root}
exec setpriv --reuid=buildfeed --regid=buildfeed --init-groups -- /opt/buildfeed/.venv/bin/buildfeed "$@"
