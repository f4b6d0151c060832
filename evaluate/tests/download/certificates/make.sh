#!/bin/sh
# Makes the certificates of the download tests: an authority, whose key is thrown away, and a server's that it vouches for.
# They are good for nothing but tests: the server's key is public, and no other program trusts this authority.
# Usage: cd evaluate/tests/download/certificates && sh make.sh
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/index"
echo 01 > "$work/serial"
cat > "$work/config" <<END
[ca]
default_ca = tests
[tests]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
subjectAltName = DNS:localhost, DNS:weights.invalid
extendedKeyUsage = serverAuth
END
request="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# From long ago until long after, whatever the clock of the machine that runs the tests says.
sign="openssl ca -batch -notext -config $work/config -startdate 20000101000000Z -enddate 21000101000000Z"
$request -keyout "$work/authority.key" -out "$work/authority.csr" -subj "/CN=fledge tests"
$sign -selfsign -keyfile "$work/authority.key" -in "$work/authority.csr" -extensions authority -out authority.pem
$request -keyout server.key -out "$work/server.csr" -subj "/CN=localhost"
$sign -cert authority.pem -keyfile "$work/authority.key" -in "$work/server.csr" -extensions server -out server.pem
