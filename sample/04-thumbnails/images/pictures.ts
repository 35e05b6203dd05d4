import sharp from 'sharp';

// Each thread loads this file, and the main thread never does: sharp and its memory stay out of there, and so does the
// arithmetic below, which would keep every client waiting.

export interface Thumbnail {
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
  /** What to show until the thumbnail is loaded. */
  readonly colour: string;
}

/** Makes a WebP of that width at most. */
export async function resize(image: Buffer, maxWidth: number): Promise<Thumbnail> {
  const picture = sharp(image, { limitInputPixels: 50_000_000 }).autoOrient();
  const { data, info } = await picture
    .clone()
    .resize({ width: maxWidth, withoutEnlargement: true })
    .webp()
    .toBuffer({ resolveWithObject: true });
  const pixels = await picture.clone().toColourspace('srgb').removeAlpha().raw().toBuffer();
  return { bytes: data, width: info.width, height: info.height, colour: averageColour(pixels) };
}

/** Paints a sky, pixel by pixel, as a JPEG. */
export async function draw(width: number, height: number): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const dusk = y / height;
    for (let x = 0; x < width; x++) {
      const cloud = 20 * Math.sin(x / 300 + 3 * Math.sin(y / 200));
      pixels[at++] = 90 + 140 * dusk + cloud;
      pixels[at++] = 140 + 40 * dusk + cloud;
      pixels[at++] = 210 - 90 * dusk + cloud;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
}

function averageColour(pixels: Buffer): string {
  const sums = [0, 0, 0];
  for (let at = 0; at < pixels.length; at++) sums[at % 3]! += pixels[at]!;
  const hex = sums.map((sum) =>
    Math.round((sum * 3) / pixels.length)
      .toString(16)
      .padStart(2, '0'),
  );
  return `#${hex.join('')}`;
}
