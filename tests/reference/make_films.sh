#!/bin/sh
# Makes tests/data/films with the ffmpeg program: a few KB each, one for each thing
# that reading films has to get right. Frame k of most shows its number, by position:
# a white square in cell k % 4, k / 4 of a dark field of 64x48 (4 x 3 cells of 16).
#
#   tests/reference/root.sh ffmpeg && tests/reference/root.sh run tests/reference/make_films.sh
set -eu
cd "$(dirname "$0")/../data/films"
rm -f ./*.webm ./*.mp4 ./*.mkv ./*.gif ./*.avi ./*.mov ./*.ts ./*.wav ./*.mp3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

run() { timeout 20 ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }
exact="-fflags +bitexact -flags:v +bitexact -map_metadata -1"

field="geq=lum='if(eq(floor(X/16)+4*floor(Y/16),mod(N,12)),235,40)':cb=128:cr=128"
src() { echo "color=c=black:s=64x48:r=$1,format=yuv420p,$field"; } # endless

lavfi() { # frames, rate, then ffmpeg's output arguments
    frames=$1 rate=$2
    shift 2
    run -f lavfi -i "$(src "$rate")" -frames:v "$frames" $exact "$@"
}

lavfi 12 8 -c:v libvpx -b:v 60k -g 6 vp8.webm
lavfi 12 8 -c:v libvpx-vp9 -b:v 60k -g 6 -row-mt 0 -threads 1 vp9.webm
lavfi 12 8 -c:v libx264 -threads 1 -qp 20 -bf 2 -g 6 h264.mp4
lavfi 12 8 -c:v mpeg4 -q:v 3 -g 6 mpeg4.mp4
lavfi 12 8 -c:v mpeg4 -q:v 3 -g 6 mpeg4.avi
lavfi 12 8 -c:v libx264 -threads 1 -qp 20 -g 6 h264.mkv
lavfi 12 25 -c:v mpeg2video -q:v 3 -g 6 mpeg2.ts
lavfi 12 10 -vf 'trim=end_frame=12,split[a][b];[a]palettegen[p];[b][p]paletteuse' numbered.gif
lavfi 1 8 -c:v libx264 -threads 1 -qp 20 one.mp4
lavfi 12 8 -c:v libx264 -threads 1 -qp 20 -output_ts_offset 100 offset.mkv
lavfi 48 24000/1001 -c:v libx264 -threads 1 -qp 30 -g 12 ntsc.mkv

# upright it is 48 wide and 64 high
lavfi 4 8 -c:v libx264 -threads 1 -qp 20 "$tmp/flat.mp4"
run -display_rotation 90 -i "$tmp/flat.mp4" -c copy $exact turned-left.mp4
run -display_rotation -90 -i "$tmp/flat.mp4" -c copy $exact turned-right.mp4
run -display_rotation 180 -i "$tmp/flat.mp4" -c copy $exact turned-over.mp4

# frame k at k * k / 16 seconds
lavfi 12 8 -vf settb=1/1000,setpts=N*N/16/TB -fps_mode passthrough -enc_time_base 1:1000 -c:v libx264 -threads 1 -qp 20 -bf 0 variable.mkv

# transparent: the square is opaque white, the rest clear
run -f lavfi -i "color=c=black:s=64x48:r=4:d=1,format=rgba,geq=r=255:g=0:b=0:a='if(eq(floor(X/16)+4*floor(Y/16),N),255,0)'" \
    -frames:v 4 $exact -c:v png clear.mov

# three hours, a frame each half minute, only every 40th a key frame
lavfi 360 1/30 -c:v libx264 -threads 1 -qp 36 -g 40 -bf 0 -x264-params scenecut=0 hours.mkv

run -f lavfi -i sine=f=440:d=0.2:r=8000 $exact -c:a pcm_u8 "$tmp/sound.wav"
run -i "$tmp/sound.wav" -c:a libopus -b:a 8k -flags:a +bitexact $exact sound.webm
run -f lavfi -i "$(src 8)" -i "$tmp/sound.wav" -frames:v 12 -c:v libvpx -b:v 60k -g 6 \
    -c:a libopus -b:a 8k -flags:a +bitexact $exact with-sound.webm
head -c 2200 vp8.webm > cut.webm
: > empty.mp4
# the middle third is noise
python3 - <<'PY'
data = bytearray(open("h264.mkv", "rb").read())
x = 12345
for i in range(len(data) // 2, len(data) * 2 // 3):
    x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    data[i] = x >> 16 & 255
open("broken.mkv", "wb").write(data)
PY
ls -l
