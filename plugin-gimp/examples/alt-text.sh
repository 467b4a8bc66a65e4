#!/bin/sh
# Writes alt text into the PNG and JPEG files of a folder, by GIMP 3 without a display.
#
#   plugin-gimp/examples/alt-text.sh FOLDER [LANGUAGE]
#
# The files are exported anew: keep copies if they matter.
set -eu
folder=$(cd "${1:?usage: alt-text.sh FOLDER [LANGUAGE]}" && pwd)
language=${2:-}
gimp=$(command -v gimp-console || command -v gimp-console-3.0) ||
    { echo "alt-text.sh: there is no gimp-console" >&2; exit 1; }

# A string of Script-Fu.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

script="(script-fu-use-v3)
(define (with-alt-text file export)
  (let* ((image (gimp-file-load RUN-NONINTERACTIVE file)))
    (plug-in-espy-describe #:run-mode RUN-NONINTERACTIVE #:image image
      #:drawables (gimp-image-get-selected-layers image)
      #:preset \"alt\" #:keep \"alt-text\" #:language $(quoted "$language"))
    (export image file)
    (gimp-image-delete image)))
(define (png image file)
  (file-png-export #:run-mode RUN-NONINTERACTIVE #:image image #:file file #:include-xmp #t))
(define (jpeg image file)
  (file-jpeg-export #:run-mode RUN-NONINTERACTIVE #:image image #:file file #:include-xmp #t))
"
for file in "$folder"/*; do
    case $file in
    *.png | *.PNG) export=png ;;
    *.jpg | *.jpeg | *.JPG | *.JPEG) export=jpeg ;;
    *) continue ;;
    esac
    script="$script(with-alt-text $(quoted "$file") $export)
"
done
exec "$gimp" -i --quit --batch-interpreter=plug-in-script-fu-eval -b "$script"
