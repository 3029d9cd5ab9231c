#!/bin/sh
# Makes the two images anew with seq and sed.
set -eu
cd "$(dirname "$0")"
seq -f 'Line %g of the image, which says nothing.' 1 9000 > old.img
sed -e '100s/.*/A line that was changed./' -e '5000a A line that was added, so that all that follows moves.' old.img > new.img
