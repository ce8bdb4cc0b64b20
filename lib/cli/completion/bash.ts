import type { CompletedCommand } from './definition.js'

/**
 * A completion for bash: https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
 *
 * bash splits a word at `:` and `=`, so an address is several words. No completion depends on one.
 */
export function bashCompletion(commands: CompletedCommand[]): string {
  const names = commands.slice(1).map(({ name }) => name)
  return `# bash completion for s3-writable
_s3_writable() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=upload i
  if [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $cur == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 1]} cur=; fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --)
        # The producer: the name of a program, then files.
        if ((i + 1 == COMP_CWORD)); then COMPREPLY=($(compgen -c -- "$cur")); fi
        return ;;
      ${names.join(' | ')}) if [[ $command == upload ]]; then command=\${COMP_WORDS[i]}; fi ;;
    esac
  done
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
complete -o bashdefault -o default -F _s3_writable s3-writable
`

  function commandCase({ name, options, operands }: CompletedCommand): string {
    const flags = options.map(({ long }) => long).join(' ')
    const first = name === 'upload' ? names : operands
    const values = options.flatMap(({ long, value }) => {
      if (value === 'none') return []
      if (value === 'file') return [`        ${long}) return ;;`]
      const words =
        value === 'other' ? 'compopt +o default' : `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur"))`
      return [`        ${long}) ${words}; return ;;`]
    })
    return `    ${name})
      case $prev in
${values.join('\n')}
      esac
      case $cur in
        -*) COMPREPLY=($(compgen -W '${flags}' -- "$cur")) ;;
        *) compopt +o default; COMPREPLY=($(compgen -W '${first.join(' ')}' -- "$cur")) ;;
      esac ;;`
  }
}
