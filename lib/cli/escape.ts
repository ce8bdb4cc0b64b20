/**
 * The inside of a regular expression's character class. It matches the characters that a terminal executes instead of
 * printing, that end a line, or that reorder text: C0, DEL and C1, U+2028 and U+2029, the bidirectional controls.
 */
export const CONTROLS = '\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}'
const CONTROL = new RegExp(`[${CONTROLS}]`, 'gu')
const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Escapes control characters, as `\n`, `\x1b` or `\u{202e}`. Keys, UploadIds, owners and messages come from the server
 * and may contain any character.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROL, (character) => SHORT_ESCAPES[character] ?? hexEscape(character))
}

function hexEscape(character: string): string {
  const hex = hexCode(character)
  return hex.length > 2 ? `\\u{${hex}}` : `\\x${hex.padStart(2, '0')}`
}

/** Equivalent JSON without control characters: `JSON.stringify` escapes C0 only. */
export function toEscapedJson(value: unknown): string {
  return JSON.stringify(value).replace(CONTROL, (character) => `\\u${hexCode(character).padStart(4, '0')}`)
}

function hexCode(character: string): string {
  return character.charCodeAt(0).toString(16)
}
