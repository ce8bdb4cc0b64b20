import type { Command, Option } from 'commander'

/** What a man page says beside what the program's definition has. */
export interface ManPageTexts {
  examples: string
  notes: string
}

/** The manual page in the language of `man`: https://man7.org/linux/man-pages/man7/groff_man.7.html */
export function manPage(program: Command, { examples, notes }: ManPageTexts): string {
  const help = program.createHelp()
  const commands = help.visibleCommands(program).filter((command) => command.name() !== 'help')
  const lines = [
    `.TH S3\\-WRITABLE 1 ${new Date().toISOString().slice(0, 10)} "s3\\-writable ${program.version()}"`,
    '.SH NAME',
    `s3\\-writable \\- ${roff(lowerFirst(program.description()))}`,
    '.SH SYNOPSIS',
    '.nf',
    ...[program, ...commands].map((command) => roff(usageOf(command))),
    '.fi',
    '.SH DESCRIPTION',
    ...paragraphs(notes),
    '.SH OPTIONS',
    ...help.visibleOptions(program).flatMap(optionLines),
    ...commands.flatMap((command) => [
      `.SH COMMAND ${roff(command.name().toUpperCase())}`,
      `${roff(usageOf(command))}: ${roff(command.description())}.`,
      ...optionsOf(command),
    ]),
    '.SH EXAMPLES',
    ...paragraphs(examples.replace(/^.*\n/, '')),
  ]
  return `${lines.join('\n')}\n`

  /** The names of the options that the upload has too, and all about the others. */
  function optionsOf(command: Command): string[] {
    const options = help.visibleOptions(command)
    const shared = options.filter(({ flags, description }) =>
      program.options.some((option) => option.flags === flags && option.description === description),
    )
    const names = shared.map(({ long }) => long).join(', ')
    const own = options.filter((option) => !shared.includes(option))
    return [
      ...(names === '' ? [] : [`It also has these options of the upload: ${roff(names)}.`]),
      ...own.flatMap(optionLines),
    ]
  }

  function usageOf(command: Command): string {
    return help.commandUsage(command)
  }
}

function optionLines({ flags, description }: Option): string[] {
  return ['.TP', `.B ${roff(flags)}`, roff(description)]
}

/** Paragraphs after a heading, with a request between each two. A paragraph is filled, unless it has indented lines. */
function paragraphs(text: string): string[] {
  const all = text.split(/\n\n+/).map((paragraph) => paragraph.split('\n').filter((line) => line !== ''))
  return all
    .filter((lines) => lines.length > 0)
    .flatMap((paragraph, index) => {
      const lines = paragraph.map(roff)
      const isIndented = lines.some((line) => line.startsWith(' '))
      return [...(index === 0 ? [] : ['.PP']), ...(isIndented ? ['.nf', ...lines, '.fi'] : lines)]
    })
}

function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq')
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
