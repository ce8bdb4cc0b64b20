import type { CompletedCommand, CompletedOption } from './definition.js'

/** A completion for fish: https://fishshell.com/docs/current/completions.html */
export function fishCompletion(commands: CompletedCommand[]): string {
  const names = commands.slice(1).map(({ name }) => name)
  return `# fish completion for s3-writable
function __s3_writable_is
    set -l command upload
    for word in (commandline -opc)[2..-1]
        switch $word
            case --
                set command producer
                break
            case ${names.join(' ')}
                test $command = upload; and set command $word
        end
    end
    test $command = $argv[1]
end
function __s3_writable_producer
    set -l words (commandline -opc)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end
complete -c s3-writable -f
complete -c s3-writable -n '__s3_writable_is producer' -a '(__s3_writable_producer)'
${commands.flatMap(commandLines).join('\n')}
`

  function commandLines({ name, options, operands }: CompletedCommand): string[] {
    const when = `complete -c s3-writable -n '__s3_writable_is ${name}'`
    const first =
      name === 'upload'
        ? commands.slice(1).map((other) => `${when} -a ${other.name} -d ${quote(other.description)}`)
        : operands.map((word) => `${when} -a ${word}`)
    return [...first, ...options.map((option) => `${when} ${optionWords(option)}`)]
  }
}

function optionWords({ long, description, value }: CompletedOption): string {
  const argument = value === 'none' ? '' : value === 'file' ? ' -r -F' : ' -x'
  const words = typeof value === 'string' ? '' : ` -a ${quote(value.join(' '))}`
  return `-l ${long.slice(2)}${argument}${words} -d ${quote(description)}`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
