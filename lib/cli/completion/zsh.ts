import type { CompletedCommand, CompletedOption } from './definition.js'

/** A completion for zsh: https://zsh.sourceforge.io/Doc/Release/Completion-System.html (`_arguments`). */
export function zshCompletion(commands: CompletedCommand[]): string {
  const [upload, ...others] = commands as [CompletedCommand, ...CompletedCommand[]]
  const names = others.map(({ name, description }) => quote(`${name}:${description}`))
  return `#compdef s3-writable
_s3_writable() {
  local -i dashes=\${words[(i)--]}
  if (( dashes < CURRENT )); then
    # The producer, with its own completion.
    shift dashes words
    (( CURRENT -= dashes ))
    _normal
    return
  fi
  local -a commands=(${names.join(' ')})
  case \${words[(r)(${others.map(({ name }) => name).join('|')})]} in
${others.map((command) => `    ${command.name}) ${zshArguments(command, [`1: :(${command.name})`, operandSpec(command)])} ;;`).join('\n')}
    *) ${zshArguments(upload, ["1:address or command:{ _describe command commands || _message 's3://bucket/key' }"])} ;;
  esac
}
if [[ $funcstack[1] == _s3_writable ]]; then _s3_writable "$@"; else compdef _s3_writable s3-writable; fi
`
}

function zshArguments({ options }: CompletedCommand, operands: string[]): string {
  return ['_arguments', ...options.map(optionSpec), ...operands.map(quote)].join(' ')
}

function operandSpec({ operands }: CompletedCommand): string {
  return `2:${operands.length === 0 ? 'address' : 'name'}:(${operands.join(' ')})`
}

function optionSpec({ long, description, value }: CompletedOption): string {
  const words = description.replace(/[\\[\]:]/g, '\\$&')
  if (value === 'none') return quote(`${long}[${words}]`)
  const action = value === 'file' ? '_files' : value === 'other' ? '' : `(${value.join(' ').replaceAll(':', '\\:')})`
  return quote(`*${long}=[${words}]:${long.slice(2)}:${action}`)
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
