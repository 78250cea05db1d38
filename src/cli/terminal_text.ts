/** What a peer sent, as text that a terminal may have: it shows what it is and moves nothing. */

// Control characters of ASCII and Latin-1, the ends of lines of Unicode, and what turns the direction of writing.
const CONTROLS = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu;

/** The text with its control characters as escapes (`\x1b`, `\u202e`), all but LF and TAB. */
export function escapeControls(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** The same on one line: LF is escaped, too. */
export function onOneLine(text: string): string {
  return text.replace(CONTROLS, (character) => character === "\t" ? character : escaped(character));
}

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  const code = character.charCodeAt(0); // all of them are in the first plane
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
