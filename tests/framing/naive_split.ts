/** What splitting means, written as plainly as can be and as slowly as it may: tests hold decoders to it. */

/** All texts of up to `longest` of these letters. */
export function* textsOf(letters: string, longest: number): Generator<string> {
  yield "";
  if (longest === 0) return;
  for (const letter of letters) for (const text of textsOf(letters, longest - 1)) yield letter + text;
}

/** The lines of a text, which ends; `!` for those over the limit. */
export function splitLines(text: string, maxFrameBytes: number): string[] {
  const parts = text.split("\n");
  const last = parts.pop();
  const lines = parts.map((part) => part.endsWith("\r") ? part.slice(0, -1) : part);
  if (last !== undefined && last !== "") lines.push(last);
  return lines.map((line) => line.length > maxFrameBytes ? "!" : line);
}

/** Where the delimiters of a text are that ends: the earliest, there the longest, then on behind it. */
export function findDelimiters(text: string, delimiters: readonly string[]): { at: number; bytes: number }[] {
  const found: { at: number; bytes: number }[] = [];
  for (let at = 0; at < text.length;) {
    const bytes = Math.max(0, ...delimiters.filter((one) => text.startsWith(one, at)).map((one) => one.length));
    if (bytes > 0) found.push({ at, bytes });
    at += bytes || 1;
  }
  return found;
}

/** The frames of a text and what is left behind them. */
export function splitFrames(text: string, delimiters: readonly string[]): { frames: string[]; rest: string } {
  let from = 0;
  const frames = findDelimiters(text, delimiters).map(({ at, bytes }) => {
    const frame = text.slice(from, at);
    from = at + bytes;
    return frame;
  });
  return { frames, rest: text.slice(from) };
}
