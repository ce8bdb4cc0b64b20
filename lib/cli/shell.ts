import { CONTROLS, shown } from './escape.js'

const ESCAPED = new RegExp(`[\\\\'!${CONTROLS}]`, 'gu')

/**
 * As a shell takes it for one word. One with control characters is written as `$'…'`, which bash, zsh and ksh know: bytes
 * in octal, since other escapes depend on the shell and its locale.
 */
export function quoted(word: string): string {
  if (shown(word) !== word) return `$'${word.replace(ESCAPED, octal)}'`
  // zsh takes a word that begins with = for the path of a command.
  return /^(?!=)[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function octal(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** Those that are given, as one word each: a value may begin with a dash. */
export function flags(named: Record<string, string | number | undefined>): string[] {
  return Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [quoted(`--${name}=${value}`)]))
}
