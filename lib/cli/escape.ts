/**
 * Characters that a terminal obeys instead of showing them, that end a line, or that change the order of its other
 * characters, for a regular expression's brackets: C0, DEL and C1, U+2028 and U+2029, the controls of bidirectional text.
 */
export const CONTROLS = '\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}'
const CONTROL = new RegExp(`[${CONTROLS}]`, 'gu')
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * The text with its control characters escaped, as `\n`, `\x1b` or `\u{202e}`: keys, UploadIds, owners and messages are
 * whatever a store says.
 */
export function shown(text: string): string {
  return text.replace(CONTROL, (character) => NAMED[character] ?? escaped(character))
}

function escaped(character: string): string {
  const hex = code(character)
  return hex.length > 2 ? `\\u{${hex}}` : `\\x${hex.padStart(2, '0')}`
}

/** As JSON that reads as the same value: JSON leaves DEL, C1 and those beyond unescaped. */
export function shownJson(value: unknown): string {
  return JSON.stringify(value).replace(CONTROL, (character) => `\\u${code(character).padStart(4, '0')}`)
}

function code(character: string): string {
  return character.charCodeAt(0).toString(16)
}
