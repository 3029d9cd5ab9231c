#!/bin/sh
# Makes keys/ and reference.swu anew with OpenSSL and GNU cpio, without Caisson. All keys become different ones, so the
# digest of the golden .swu in src/update/pack.test.ts changes too.
set -eu
cd "$(dirname "$0")"
rm -rf keys && mkdir keys
self_signed() { # name, subject, extended key usage or '', key arguments
	name=$1 subject=$2 usage=$3
	shift 3
	openssl req -x509 -nodes -days 36500 -subj "/O=Caisson tests/CN=$subject" -keyout "keys/$name.key.pem" \
		-out "keys/$name.cert.pem" ${usage:+-addext "extendedKeyUsage=$usage"} "$@" 2>/dev/null
}
self_signed rsa 'RSA signer' emailProtection -newkey rsa:2048
self_signed p256 'P-256 signer' emailProtection -newkey ec -pkeyopt ec_paramgen_curve:P-256
self_signed p384 'P-384 signer' emailProtection -newkey ec -pkeyopt ec_paramgen_curve:P-384
self_signed code 'Code signer' codeSigning -newkey ec -pkeyopt ec_paramgen_curve:P-256
self_signed server 'Web server' serverAuth -newkey ec -pkeyopt ec_paramgen_curve:P-256
self_signed no-sign 'Not for signatures' emailProtection -addext keyUsage=critical,keyEncipherment -newkey rsa:2048
self_signed p521 'P-521 signer' emailProtection -newkey ec -pkeyopt ec_paramgen_curve:P-521
self_signed rsa1024 'Weak signer' emailProtection -newkey rsa:1024
# The RSA key once more, under the passphrase "sesame".
openssl pkcs8 -topk8 -in keys/rsa.key.pem -out keys/rsa-encrypted.key.pem -passout pass:sesame
printf 'sesame\n' > keys/passphrase
printf 'open\n' > keys/wrong-passphrase
# A certificate authority and a signer that it issued.
openssl req -x509 -nodes -days 36500 -subj '/O=Caisson tests/CN=Root' -keyout keys/root.key.pem -out keys/root.cert.pem \
	-newkey ec -pkeyopt ec_paramgen_curve:P-256 2>/dev/null
openssl req -nodes -subj '/O=Caisson tests/CN=Issued signer' -keyout keys/issued.key.pem -out keys/issued.csr.pem \
	-newkey ec -pkeyopt ec_paramgen_curve:P-256 2>/dev/null
printf 'extendedKeyUsage=emailProtection\nbasicConstraints=critical,CA:FALSE\n' > keys/issued.ext
openssl x509 -req -days 36500 -in keys/issued.csr.pem -CA keys/root.cert.pem -CAkey keys/root.key.pem \
	-extfile keys/issued.ext -out keys/issued.cert.pem 2>/dev/null
rm keys/issued.csr.pem keys/issued.ext
chmod 0600 keys/*.key.pem

# A .swu as SWUpdate's documentation makes one.
work=$(mktemp -d)
cp payload/* "$work"
sum() { sha256sum "payload/$1" | cut -d ' ' -f 1; }
sed -e "s/@hello.txt@/$(sum hello.txt)/" -e "s/@numbers.bin@/$(sum numbers.bin)/" descriptions/reference.in > "$work/sw-description"
openssl cms -sign -binary -nosmimecap -outform DER -signer keys/rsa.cert.pem -inkey keys/rsa.key.pem \
	-in "$work/sw-description" -out "$work/sw-description.sig"
(cd "$work" && printf '%s\n' sw-description sw-description.sig hello.txt numbers.bin | cpio --quiet -o -H crc) > reference.swu
rm -r "$work"
