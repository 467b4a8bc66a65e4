# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the pictures of tests/data/images and writes what the reference makes of them.

Run in the reference root:  python3 tests/reference/make_images.py

  decoded.tsv   file, alpha (white, drop), width, height, hash of the RGB bytes
  resized.tsv   source (file, or noise:WxH:SEED), width, height out, hash of torchvision's
                antialiased bicubic, hash of Pillow's with the horizontal pass first
  pixels.tsv    file, patch, min_pixels, max_pixels, grid rows, grid columns, hash of the
                processor's pixel_values (little-endian F32); normalised with 0.5 for patch 16,
                with the CLIP constants for patch 14
  frames.tsv    rule, total, source fps, indices
  sizes.tsv     height, width, factor, frames (0: a still), min_pixels, max_pixels, and the
                fitted height and width

Hashes are FNV-1a, 64 bit. A noise source is the high bytes of x = x * 1664525 + 1013904223.
"""
import io
import os
import struct
import zlib

import numpy as np
import torch
import torchvision.transforms.v2.functional as tvf
from PIL import Image, ImageDraw, ImageOps
from torchvision.transforms import InterpolationMode
from transformers.models.qwen2_vl.image_processing_qwen2_vl import (
    Qwen2VLImageProcessor,
    smart_resize,
)
from transformers.models.qwen3_vl.video_processing_qwen3_vl import (
    Qwen3VLVideoProcessor,
    smart_resize as smart_resize_clip,
)
from transformers.video_utils import VideoMetadata

OUT = os.path.join(os.path.dirname(__file__), "..", "data", "images")
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def fnv(data):
    h = 0xCBF29CE484222325
    for b in bytes(data):
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def noise(width, height, seed):
    x, out = seed, bytearray()
    for _ in range(width * height * 3):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(x >> 24)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, 3)


def draw(w, h, seed=1):
    """Gradients, hard edges, circles, strokes like letters, and a patch of noise."""
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 // max(w - 1, 1), y * 255 // max(h - 1, 1), (x + y) * 7 % 256], 2)
    a[(x // 8 + y // 8) % 5 == seed % 5] = [230, 40 * (seed % 5), 30]
    im = Image.fromarray(a.astype(np.uint8))
    d = ImageDraw.Draw(im)
    d.ellipse([w // 8, h // 8, w // 2, h // 2], fill=(250, 250, 240), outline=(0, 0, 0))
    d.rectangle([w // 2, h // 2, w * 7 // 8, h * 3 // 4], fill=(10, 60, 200))
    for k in range(w // 2 + 3, w * 7 // 8 - 2, 5):
        d.line([k, h // 2 + 2, k + (k * seed) % 4, h * 3 // 4 - 2], fill=(255, 255, 255))
    a = np.array(im)
    n = a[h * 3 // 4 :, : w // 2]
    n[:] = noise(w, h, seed)[: n.shape[0], : n.shape[1]]
    return Image.fromarray(a)


def with_alpha(im):
    """RGBA whose alpha has opaque, transparent and graded places."""
    w, h = im.size
    y, x = np.mgrid[0:h, 0:w]
    a = (x * 3 + y * 5) % 256
    a[y < h // 4] = 255
    a[y >= h - h // 6] = 0
    return Image.merge("RGBA", (*im.split(), Image.fromarray(a.astype(np.uint8))))


# ---------------------------------------------------------------- PNG by hand


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_row(row, depth):
    """row: [w][channels] of samples."""
    v = row.reshape(-1)
    if depth == 16:
        return v.astype(">u2").tobytes()
    if depth == 8:
        return v.astype(np.uint8).tobytes()
    bits = "".join(f"{int(s):0{depth}b}" for s in v)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def png(samples, depth, color, before=(), after=(), interlace=False):
    """samples: [h][w][channels]; color: PNG's colour type."""
    h, w, _ = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                  (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x0, y0, dx, dy in passes:
        part = samples[y0::dy, x0::dx]
        if part.size:
            raw += b"".join(b"\0" + pack_row(r, depth) for r in part)
    out = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlace)))
    for c in (*before, (b"IDAT", zlib.compress(raw, 9)), *after, (b"IEND", b"")):
        out += chunk(*c)
    return out


def exif(orientation, big=False):
    e = ">" if big else "<"
    return ((b"MM\0*" if big else b"II*\0") + struct.pack(e + "IH", 8, 2)
            + struct.pack(e + "HHIHH", 0x0100, 3, 1, 9, 0)
            + struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(e + "I", 0))


# ---------------------------------------------------------------- JPEG helpers


def jpeg(im, **kw):
    f = io.BytesIO()
    im.save(f, "JPEG", **{"quality": 85, **kw})
    return f.getvalue()


def set_adobe(data, transform):
    """Changes the colour transform of the Adobe marker, or removes the marker (None)."""
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return data[:at] + data[at + 16 :]
    return data[: at + 15] + bytes([transform]) + data[at + 16 :]


def set_frame(data, w, h, sampling):
    """Declares other sampling factors and a size with as many blocks."""
    at = data.index(b"\xff\xc0")
    b = bytearray(data)
    b[at + 5 : at + 9] = struct.pack(">HH", h, w)
    b[at + 11] = sampling
    return bytes(b)


def webp(im, **kw):
    f = io.BytesIO()
    im.save(f, "WEBP", **kw)
    return f.getvalue()


def pictures():
    photo, small = draw(96, 64), draw(40, 24, 3)
    for name, s in (("444", 0), ("422", 1), ("420", 2)):
        yield f"photo-{name}.jpg", jpeg(photo, subsampling=s)
        yield f"odd-{name}.jpg", jpeg(draw(45, 37, 2), subsampling=s, quality=60)
    yield "photo-440.jpg", set_frame(jpeg(photo, subsampling=1), 48, 128, 0x12)
    yield "photo-411.jpg", set_frame(jpeg(photo, subsampling=2), 192, 32, 0x41)
    yield "large.jpg", jpeg(draw(299, 211, 4), quality=80)
    yield "tall.jpg", jpeg(draw(20, 190, 2))
    yield "one.jpg", jpeg(draw(1, 1))
    yield "grey.jpg", jpeg(photo.convert("L"))
    yield "progressive.jpg", jpeg(draw(100, 75), progressive=True)
    yield "progressive-grey.jpg", jpeg(small.convert("L"), progressive=True)
    yield "restart.jpg", jpeg(photo, restart_marker_blocks=3)
    yield "rgb.jpg", jpeg(photo, keep_rgb=True)
    cmyk = Image.merge("CMYK", (*photo.split(), photo.convert("L").point(lambda v: v // 2)))
    yield "cmyk.jpg", jpeg(cmyk)
    yield "cmyk-plain.jpg", set_adobe(jpeg(cmyk), None)
    yield "ycck.jpg", set_adobe(jpeg(cmyk, quality=95), 2)
    for o in range(1, 9):
        yield f"turned-{o}.jpg", jpeg(small, exif=b"Exif\0\0" + exif(o, big=o % 2 == 0))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="8"/></x:xmpmeta>'
    yield "turned-xmp.jpg", jpeg(small, xmp=xmp)

    a, rng = np.array(photo), np.random.RandomState(5)
    wide = (np.array(draw(33, 17)).astype(np.uint16) << 8) | rng.randint(0, 256, (17, 33, 3))
    yield "rgb8.png", png(a, 8, 2)
    yield "rgb8-interlaced.png", png(np.array(draw(37, 29, 2)), 8, 2, interlace=True)
    yield "rgb16.png", png(wide, 16, 2)
    yield "rgba16.png", png(np.concatenate([wide, wide[..., :1] * 3], 2), 16, 6)
    yield "rgba8.png", png(np.array(with_alpha(photo)), 8, 6)
    yield "rgba8-interlaced.png", png(np.array(with_alpha(small)), 8, 6, interlace=True)
    yield "rgb8-trns.png", png(a, 8, 2, [(b"tRNS", struct.pack(">HHH", 10, 60, 200))])
    yield "grey8.png", png(a[..., :1], 8, 0)
    yield "grey8-trns.png", png(a[..., :1], 8, 0, [(b"tRNS", struct.pack(">H", 230))])
    yield "grey16.png", png(wide[..., :1], 16, 0)
    yield "grey-alpha8.png", png(np.array(with_alpha(small))[..., ::3], 8, 4)
    yield "grey-alpha16.png", png(wide[..., :2], 16, 4)
    for depth in (1, 2, 4):
        v = rng.randint(0, 1 << depth, (11, 13, 1))
        yield f"grey{depth}.png", png(v, depth, 0)
        palette = rng.randint(0, 256, 3 << depth, np.uint8).tobytes()
        yield f"palette{depth}.png", png(v, depth, 3, [(b"PLTE", palette)], interlace=depth == 4)
    v = rng.randint(0, 200, (24, 40, 1))
    palette = rng.randint(0, 256, 600, np.uint8).tobytes()
    alpha = rng.randint(0, 256, 100, np.uint8).tobytes()
    yield "palette8.png", png(v, 8, 3, [(b"PLTE", palette)])
    yield "palette8-trns.png", png(v, 8, 3, [(b"PLTE", palette), (b"tRNS", alpha)])
    yield "gamma.png", png(np.array(small), 8, 2, [(b"gAMA", struct.pack(">I", 100000))])
    yield "turned-6.png", png(np.array(small), 8, 2, [(b"eXIf", exif(6))])
    yield "turned-3-late.png", png(np.array(small), 8, 2, after=[(b"eXIf", exif(3, True))])
    yield "one.png", png(np.array([[[7, 200, 90]]]), 8, 2)
    yield "two-by-three.png", png(np.array(draw(2, 3)), 8, 2)
    yield "thin.png", png(np.array(draw(1, 60)), 8, 2)
    yield "long.png", png(np.array(draw(403, 2)), 8, 2)

    yield "lossy.webp", webp(photo, quality=80)
    yield "lossy-odd.webp", webp(draw(45, 37, 2), quality=40)
    yield "lossy-alpha.webp", webp(with_alpha(photo), quality=80)
    yield "lossless.webp", webp(draw(100, 75), lossless=True)
    yield "lossless-alpha.webp", webp(with_alpha(small), lossless=True, exact=True)
    yield "turned-5.webp", webp(small, lossless=True, exif=b"Exif\0\0" + exif(5))
    yield "animated.webp", webp(with_alpha(small), lossless=True, save_all=True,
                                append_images=[with_alpha(draw(40, 24, 2))], duration=50)


# ---------------------------------------------------------------- expectations


def load(name, alpha):
    """The picture as the reference sees it."""
    im = ImageOps.exif_transpose(Image.open(os.path.join(OUT, name)))
    if im.mode == "I;16":  # Pillow clips; the models' specification takes the high byte
        return Image.fromarray((np.asarray(im) >> 8).astype(np.uint8)).convert("RGB")
    if alpha == "white" and im.has_transparency_data:
        im = im.convert("RGBA")
        white = Image.new("RGB", im.size, (255, 255, 255))
        white.paste(im, mask=im.split()[3])
        return white
    return im.convert("RGB")


def resize_tv(a, w, h):
    t = torch.from_numpy(np.ascontiguousarray(a.transpose(2, 0, 1)))[None]
    r = tvf.resize(t, [h, w], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return r[0].permute(1, 2, 0).contiguous().numpy()


def resize_pil(a, w, h):
    im = Image.fromarray(a)
    for size in ((w, im.height), (w, h)):
        im = im.resize(size, Image.BICUBIC)
    return np.asarray(im)


def main():
    os.makedirs(OUT, exist_ok=True)
    names = []
    for name, data in pictures():
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(data)
        names.append(name)
    with open(os.path.join(OUT, "decoded.tsv"), "w") as f:
        for name in names:
            for alpha in ("white", "drop"):
                im = load(name, alpha)
                print(name, alpha, im.width, im.height, fnv(im.tobytes()), sep="\t", file=f)

    cases = [("photo-420.jpg", 96, 64), ("photo-420.jpg", 320, 224), ("photo-420.jpg", 64, 64),
             ("photo-420.jpg", 96, 32), ("photo-420.jpg", 32, 64), ("large.jpg", 288, 224),
             ("large.jpg", 8, 5), ("large.jpg", 300, 212), ("large.jpg", 28, 196),
             ("tall.jpg", 64, 608), ("one.png", 256, 256), ("two-by-three.png", 96, 160),
             ("thin.png", 32, 1920), ("long.png", 2048, 32)]
    rng = np.random.RandomState(11)
    for k in range(40):
        w, h, ow, oh = (int(v) for v in rng.randint(1, 160, 4))
        cases.append((f"noise:{w}x{h}:{k}", ow, oh))
    cases += [("noise:370x185:5", 10, 5), ("noise:1x1:6", 64, 32), ("noise:1x90:7", 32, 64),
              ("noise:90x1:8", 64, 32), ("noise:300x2:9", 4, 2)]
    with open(os.path.join(OUT, "resized.tsv"), "w") as f:
        for source, w, h in cases:
            if source.startswith("noise:"):
                size, seed = source[6:].split(":")
                a = noise(*map(int, size.split("x")), int(seed))
            else:
                a = np.asarray(load(source, "drop"))
            print(source, w, h, fnv(resize_tv(a, w, h).tobytes()),
                  fnv(resize_pil(a, w, h).tobytes()), sep="\t", file=f)

    with open(os.path.join(OUT, "pixels.tsv"), "w") as f:
        for name in names:
            for patch, low, high in ((16, 65536, 16777216), (16, 4096, 16384), (14, 3136, 12845056)):
                if name != "large.jpg" and low == 65536 and not name.endswith("20.jpg"):
                    continue  # the larger ones take the time
                half = patch == 16
                p = Qwen2VLImageProcessor(
                    patch_size=patch, min_pixels=low, max_pixels=high,
                    image_mean=[0.5] * 3 if half else CLIP_MEAN,
                    image_std=[0.5] * 3 if half else CLIP_STD)
                try:
                    o = p(images=[load(name, "drop")], return_tensors="pt")
                except ValueError:  # too long
                    grid, values = (0, 0), b""
                else:
                    grid = o["image_grid_thw"][0].tolist()[1:]
                    values = o["pixel_values"].numpy().astype("<f4").tobytes()
                print(name, patch, low, high, *grid, fnv(values), sep="\t", file=f)

    video = Qwen3VLVideoProcessor()
    with open(os.path.join(OUT, "frames.tsv"), "w") as f:
        for total in (1, 2, 3, 4, 5, 7, 8, 15, 33, 60, 61, 97, 250):
            for fps in (1.0, 2.5, 12.0, 23.976, 29.97, 60.0):
                meta = VideoMetadata(total_num_frames=total, fps=fps)
                ids = video.sample_frames(meta, fps=2)
                print(3, total, fps, ",".join(str(int(i)) for i in ids), sep="\t", file=f)
                even = lambda v: int(v) // 2 * 2
                n = even(min(max(total / fps * 2, 4), even(min(768, total)), total))
                if n:
                    ids = torch.linspace(0, total - 1, n).round().long().tolist()
                    print(2, total, fps, ",".join(map(str, ids)), sep="\t", file=f)

    sizes = [(80, 112), (48, 80), (1, 1), (1, 200), (14, 14), (16, 16), (30, 6000), (3000, 4000),
             (5, 1000), (480, 640), (1080, 1920), (32, 33)]
    sizes += [tuple(int(v) for v in rng.randint(1, 5000, 2)) for _ in range(60)]
    with open(os.path.join(OUT, "sizes.tsv"), "w") as f:
        for h, w in sizes:
            for factor, low, high in ((32, 65536, 16777216), (28, 3136, 12845056),
                                      (28, 200704, 1003520), (32, 1024, 1310720)):
                if max(h, w) <= 200 * min(h, w):
                    out = smart_resize(h, w, factor, low, high)
                    print(h, w, factor, 0, low, high, *out, sep="\t", file=f)
            for n, low, high in ((1, 4096, 25165824), (5, 16384, 786432), (100, 4096, 25165824),
                                 (7, 8388608, 25165824)):
                if 32 <= min(h, w) and max(h, w) <= 200 * min(h, w):
                    out = smart_resize_clip(n, h, w, 2, 32, low, high)
                    print(h, w, 32, n, low, high, *out, sep="\t", file=f)


main()
