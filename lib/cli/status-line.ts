import type { WriteStream } from 'node:tty'

/** The time between two draws, in ms: five draws a second. */
const INTERVAL = 200
const ERASE_TO_END = '\x1b[K'
const LINE_FEED = 0x0a

export interface StatusLine {
  /** Writes bytes of another program unchanged. While its last line is unfinished, the status line is not drawn. */
  copy: (bytes: Uint8Array) => void
  /** Erases the line for good. Whatever is written next begins on a line of its own. */
  remove: () => void
}

/**
 * Draws a line on a terminal, below everything else that is written there, five times a second. It needs nothing from
 * the terminal but `\r` and "erase to the end of the line", and changes no mode, so that a killed process leaves an
 * ordinary terminal. The line is one column short of the width, so that no terminal wraps it.
 *
 * Every writer of this process must erase the line first. Hence `terminal.write` is replaced until the line is removed:
 * the SDK and NODE_DEBUG write there too. Node prints process warnings by another way.
 * @param terminal `process.stderr`
 * @param fields returns the fields of the line, in ASCII, the most important one first. Those that do not fit are left
 * out. The line is not drawn if there are none.
 */
export function showStatusLine(terminal: Pick<WriteStream, 'columns' | 'write'>, fields: () => string[]): StatusLine {
  const { write } = terminal
  let isDrawn = false
  let isLineFinished = true
  let lastColumns = terminal.columns

  const writeToTerminal = (...args: unknown[]): boolean => Reflect.apply(write, terminal, args)
  const erase = (): void => {
    if (isDrawn) writeToTerminal(`\r${ERASE_TO_END}`)
    isDrawn = false
  }
  const draw = (): void => {
    const { columns } = terminal
    // A terminal that rewraps its lines leaves the first rows of an old, longer line above. While the user still drags
    // the window, each draw would leave more of them.
    const isStable = columns === lastColumns
    lastColumns = columns
    const line = fitInto(columns, fields())
    if (!isStable || !isLineFinished || line === '') return
    writeToTerminal(`\r${line}${ERASE_TO_END}`)
    isDrawn = true
  }
  const beginLine = (): void => {
    erase()
    if (!isLineFinished) writeToTerminal('\n')
    isLineFinished = true
  }

  terminal.write = (...args: unknown[]): boolean => {
    beginLine()
    return writeToTerminal(...args)
  }
  process.prependListener('warning', beginLine)
  const timer = setInterval(draw, INTERVAL).unref()
  const remove = (): void => {
    clearInterval(timer)
    beginLine()
    terminal.write = write
    process.off('warning', beginLine)
    process.off('exit', remove)
  }
  // `process.exit` after a second signal.
  process.once('exit', remove)
  return {
    copy: (bytes) => {
      erase()
      writeToTerminal(bytes)
      isLineFinished = bytes.at(-1) === LINE_FEED
    },
    remove,
  }
}

/** The width of a terminal that reports 0 columns, as a serial line does. */
const DEFAULT_COLUMNS = 80

/** Joins the fields that fit into one column less than the width. If not even the first one fits, it is cut. */
function fitInto(columns: number, fields: string[]): string {
  const width = (columns > 0 ? columns : DEFAULT_COLUMNS) - 1
  const lines = fields.map((_, index) => fields.slice(0, index + 1).join(', '))
  return (lines.findLast((line) => line.length <= width) ?? lines[0] ?? '').slice(0, width)
}
