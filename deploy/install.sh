#!/bin/bash
# Install the service from this script's folder, as root, on Amazon Linux 2023. `make wheelhouse` packs that folder.
#
# It installs only the packages that requirements.txt names by their hashes, only from wheels/, and asks no package index. An
# earlier installation is replaced; /etc/aqi/aqi.env, which the unit reads, stays as it is.
set -euo pipefail
umask 022
cd "$(dirname "$0")"

# AL2023's own python3 is 3.9. A mirror may fail for a moment, and nobody runs this again on a machine that replaced another.
again() { for _ in {1..5}; do "$@" && return; sleep 10; done; false; }
again dnf --assumeyes --quiet install python3.11
python3.11 -m venv --clear "${AQI_ROOT:-}/opt/aqi"
"${AQI_ROOT:-}/opt/aqi/bin/python" -m pip --isolated install --quiet --no-index --find-links wheels --only-binary :all: \
    --require-hashes --requirement requirements.txt

mkdir -p "${AQI_ROOT:-}/etc/aqi"
getent passwd aqi >/dev/null || useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /sbin/nologin aqi
chgrp --recursive aqi "${AQI_ROOT:-}/etc/aqi"
chmod --recursive u=rwX,g=rX,o= "${AQI_ROOT:-}/etc/aqi" # only for root and the service: a certificate's key may be there

install -D --mode=644 aqi.service "${AQI_ROOT:-}/etc/systemd/system/aqi.service"
systemctl daemon-reload
systemctl enable aqi.service
systemctl restart aqi.service # returns when the sockets accept
