#!/usr/bin/env python3
"""Makes tests/data/image: small synthetic pictures in every format and Pillow's idea of their pixels.

Needs Debian's python3-pil (9.4) and python3-numpy. NAME.EXT is a picture, NAME.EXT.rgb what it decodes to, and
resize_WxH_wxh_KERNEL.rgb a resized pattern. A .rgb file is width and height as little-endian uint16, then RGB bytes.
"""
import io
import pathlib
import struct

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "image"


def pattern(width, height):
    """The picture that tests/image/pattern.h draws too: edges, ramps and something like noise, in integers."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return (((x * x * 3 + y * 7 + c * 50 + x * y) ^ (x * 13 + c)) & 255).astype(np.uint8)


def smooth(width, height):
    """A picture that lossy formats keep well and whose corners all differ."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    red, green = x * 255 // (width - 1), y * 255 // (height - 1)
    return np.stack([red, green, (red + green) // 3 + 40], axis=2).astype(np.uint8)


def write_rgb(name, pixels):
    height, width, _ = pixels.shape
    (OUT / name).write_bytes(struct.pack("<HH", width, height) + pixels.tobytes())


def over_white(image):
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))


def save(name, image, expected=None, **options):
    """Writes the picture and what Pillow reads back from it, unless `expected` says otherwise."""
    image.save(OUT / name, **options)
    if expected is None:
        with Image.open(OUT / name) as reread:
            expected = np.asarray(reread.convert("RGB"))
    write_rgb(name + ".rgb", expected)


def make_resized():
    kernels = {"nearest": Image.NEAREST, "bilinear-aa": Image.BILINEAR, "bicubic-aa": Image.BICUBIC}
    for width, height, to_width, to_height in [(57, 43, 24, 19), (17, 13, 40, 31), (64, 48, 64, 20), (90, 5, 11, 5),
                                               (3, 2, 29, 1), (120, 97, 7, 50)]:
        source = Image.fromarray(pattern(width, height))
        for name, kernel in kernels.items():
            resized = np.asarray(source.resize((to_width, to_height), kernel))
            write_rgb(f"resize_{width}x{height}_{to_width}x{to_height}_{name}.rgb", resized)


def make_jpegs():
    rgb = Image.fromarray(smooth(24, 16))
    save("rgb.jpg", rgb, quality=90)
    save("progressive.jpg", rgb, quality=90, progressive=True)
    save("gray.jpg", rgb.convert("L"), quality=90)
    save("cmyk.jpg", rgb.convert("CMYK"), quality=90)  # Pillow writes the Adobe marker and inverts
    upright = smooth(24, 16)
    turned = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
              6: upright.transpose(1, 0, 2)[::-1], 7: upright.transpose(1, 0, 2)[::-1, ::-1],
              8: upright.transpose(1, 0, 2)[:, ::-1]}
    for orientation, stored in turned.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.ascontiguousarray(stored)
        tagged = Image.fromarray(stored)
        tagged.getexif()[0x0112] = orientation
        assert (np.asarray(ImageOps.exif_transpose(tagged)) == upright).all()
        save(f"orientation_{orientation}.jpg", Image.fromarray(stored), upright, quality=95,
             subsampling=0, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(turned[6]))
    save("orientation.png", stored, upright, exif=exif)
    save("orientation.webp", stored, upright, lossless=True, exif=exif.tobytes())


def make_pngs():
    rgb = Image.fromarray(pattern(24, 16))
    save("rgb.png", rgb)
    save("gray.png", rgb.convert("L"))
    save("bilevel.png", rgb.convert("1"))
    wide = (np.arange(24 * 16, dtype=np.uint32).reshape(16, 24) * 170).astype(np.uint16)
    high = (wide >> 8).astype(np.uint8)
    save("gray16.png", Image.fromarray(wide), np.stack([high] * 3, axis=2))
    rgba = np.dstack([pattern(24, 16), (np.arange(24 * 16).reshape(16, 24) % 256).astype(np.uint8)])
    rgba = Image.fromarray(rgba)
    save("rgba.png", rgba, over_white(rgba))
    save("gray_alpha.png", rgba.convert("LA"), over_white(rgba.convert("LA")))
    palette = rgb.quantize(16)
    save("palette.png", palette)
    transparent = palette.copy()
    transparent.info["transparency"] = 3
    save("palette_trns.png", palette, over_white(transparent), transparency=3)


def make_others():
    rgb = Image.fromarray(pattern(24, 16))
    rgba = Image.fromarray(np.dstack([pattern(24, 16), np.full((16, 24), 100, np.uint8)]))
    save("lossless.webp", rgb, lossless=True)
    save("lossy.webp", Image.fromarray(smooth(24, 16)), quality=90)
    save("alpha.webp", rgba, over_white(rgba), lossless=True, exact=True)
    inverted = Image.fromarray(255 - pattern(24, 16))
    save("animated.webp", rgb, pattern(24, 16), lossless=True, save_all=True, append_images=[inverted], duration=100)
    save("rgb.bmp", rgb)
    save("palette.bmp", rgb.quantize(16))
    palette = rgb.quantize(16)
    save("rgb.gif", palette, np.asarray(palette.convert("RGB")), interlace=0)
    save("interlaced.gif", palette, np.asarray(palette.convert("RGB")), interlace=1)
    transparent = palette.copy()
    transparent.info["transparency"] = 5
    save("transparent.gif", palette, over_white(transparent), transparency=5)
    save("animated.gif", palette, np.asarray(palette.convert("RGB")), save_all=True,
         append_images=[inverted.quantize(16)], duration=100)


def make_tiffs():
    rgb = Image.fromarray(pattern(24, 16))
    save("rgb.tiff", rgb, compression="tiff_lzw")
    save("deflate.tiff", rgb, compression="tiff_adobe_deflate")
    save("gray.tiff", rgb.convert("L"))
    save("palette.tiff", rgb.quantize(16))
    save("cmyk.tiff", rgb.convert("CMYK"), np.asarray(rgb.convert("CMYK").convert("RGB")))
    wide = (np.arange(24 * 16, dtype=np.uint32).reshape(16, 24) * 170).astype(np.uint16)
    save("gray16.tiff", Image.fromarray(wide), np.stack([(wide >> 8).astype(np.uint8)] * 3, axis=2))
    rgba = Image.fromarray(np.dstack([pattern(24, 16), (np.arange(24 * 16).reshape(16, 24) % 256).astype(np.uint8)]))
    save("rgba.tiff", rgba, over_white(rgba))
    save("jpeg.tiff", Image.fromarray(smooth(24, 16)), compression="jpeg", quality=95)
    turned = np.ascontiguousarray(pattern(24, 16).transpose(1, 0, 2)[::-1])
    save("orientation.tiff", Image.fromarray(turned), pattern(24, 16), tiffinfo={274: 6})
    inverted = Image.fromarray(255 - pattern(24, 16))
    save("pages.tiff", rgb, pattern(24, 16), save_all=True, append_images=[inverted])
    preview = Image.fromarray(pattern(24, 16))
    preview.save(OUT / "preview.tiff", tiffinfo={254: 1})  # as raw photos begin: a reduced picture


def make_tones():
    """Darkened, so that stretching and flattening have something to do."""
    image = Image.fromarray((pattern(40, 30) // 2 + 20).astype(np.uint8))
    views = {"posterize_3": ImageOps.posterize(image, 3), "solarize_100": ImageOps.solarize(image, 100),
             "autocontrast": ImageOps.autocontrast(image), "equalize": ImageOps.equalize(image),
             "sharpness_0.3": ImageEnhance.Sharpness(image).enhance(0.3),
             "sharpness_1.8": ImageEnhance.Sharpness(image).enhance(1.8),
             "brightness_1.7": ImageEnhance.Brightness(image).enhance(1.7)}
    for name, view in views.items():
        write_rgb(f"tone_{name}.rgb", np.asarray(view))


def make_bomb():
    """The first bytes of a PNG that says 30,000 x 30,000 and goes on with a little of its (all black) data."""
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(90001), 9)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (OUT / "bomb.png").write_bytes(bomb)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    make_resized()
    make_jpegs()
    make_pngs()
    make_others()
    make_tiffs()
    make_tones()
    make_bomb()
    files = list(OUT.iterdir())
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes in {OUT}")
