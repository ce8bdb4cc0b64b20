import { CONTROLS, escapeControls } from './escape.js'

const ESCAPED = new RegExp(`[\\\\'!${CONTROLS}]`, 'gu')

/**
 * Quotes a word for a shell. A word with control characters becomes `$'…'`, which bash, zsh and ksh support. Its bytes
 * are written in octal, because the meaning of other escapes depends on the shell and the locale.
 */
export function shellQuote(word: string): string {
  if (escapeControls(word) !== word) return `$'${word.replace(ESCAPED, octalEscape)}'`
  // zsh replaces a word that begins with = by the path of a command.
  return /^(?!=)[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function octalEscape(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/**
 * Command-line options for the values that are not undefined. Each is one `--name=value` word, because a value after a
 * space may not begin with a dash.
 */
export function formatOptions(values: Record<string, string | number | undefined>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [shellQuote(`--${name}=${value}`)],
  )
}
