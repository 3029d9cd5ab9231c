// A device profile with every key, as `caisson update check --sample-profile` prints it and docs/update-check.md shows it.

export const sampleProfile = `# A device as the pre-flight check needs to know it. Only swupdate and trust must be there; what is left out is either
# assumed as noted or listed as not checked. Files are relative to this one.
swupdate:
  version: "2024.12"             # the release; compared with the real program: 2024.12 and 2026.05
  signature-library: wolfssl     # as in Debian 13; openssl before and after; by default from the version
hardware:                        # the two words of /etc/hwrevision, or swupdate -H
  board: trial-board
  revision: "1.0"
selection: stable,copyB          # swupdate -e
trust:
  certificates: device-trust.pem # swupdate -k
  purpose: emailProtection       # swupdate --cert-purpose
installed-versions:              # /etc/sw-versions
  rootfs: "1.4.0"
  application: "2.1"
limits:
  no-downgrading: "1.4.0"        # swupdate -N
  no-reinstalling: "1.4.0"       # swupdate -R
  max-version: "1.99"            # swupdate --max-version
handlers:                        # by default those of Debian's build
  add: [roundrobin]              # or only: [...]
  remove: [docker_imageload]
bootloader: uboot                # none, uboot, grub, ebg, cboot; by default none
bootloader-environment: true     # whether it can be written
markers:                         # false: swupdate -M, -m
  transaction: true
  state: true
targets:                         # devices and files that images are written to or read from
  /dev/mmcblk0p2:
    size: 1GiB
    sha256: 0f343b0931126a20f133d67c2b018a3b1f8f4d3b3a4bb1f5ea4ea6dd1cc2f1b5
  /dev/mmcblk0p3:
    size: 1GiB
    content: slot-b.img          # what it holds now, as a file: rdiff and readback are then computed
    becomes:                     # what it should hold afterwards: shows what SWUpdate would not notice
      sha256: 6a1f6e0c7f5e6a5e7a3e2f0f5b9f8f3d4c3b2a190807060504030201000f0e0d
      size: 536870912
file-systems:                    # free bytes where files and archives go; /tmp holds payloads meanwhile
  /: { free: 20MiB }
  /tmp: { free: 256MiB }
  /var: { free: 800MiB }
directories: [/, /etc, /opt, /var, /var/lib]
encryption-key: false            # swupdate -K
`;
