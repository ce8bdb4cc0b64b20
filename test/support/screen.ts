const ERASE = '␛[K'
/** The only control characters and sequences that the screen knows: return, line feed, erase to the end of the line. ␛ is Escape. */
const UNIT = /\r|\n|␛\[K|[^\p{Cc}␛]/uy

interface Row {
  text: string
  /** Whether the row was full, so that the next row continues its line. */
  continues: boolean
}

/**
 * What a terminal shows after some output, as far as the command's output needs it. As in a real terminal, a character
 * in the last column wraps only if another one follows. The screen is endless, so the cursor is always in its last row.
 */
export class Screen {
  #columns: number
  #rows: Row[] = [{ text: '', continues: false }]
  #column = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  /** The rows, from the top, without the spaces at their ends, and without the last one if it is empty. */
  get rows(): string[] {
    const rows = this.#rows.map(({ text }) => text.trimEnd())
    return rows.at(-1) === '' ? rows.slice(0, -1) : rows
  }

  /** Throws if the text has a control character or sequence that the screen does not know. */
  write(text: string): this {
    UNIT.lastIndex = 0
    for (let end = 0; end < text.length; end = UNIT.lastIndex) {
      const [unit] = UNIT.exec(text) ?? []
      if (unit === undefined) throw new Error(`unknown control: ${JSON.stringify(text.slice(end, end + 20))}`)
      this.#put(unit)
    }
    return this
  }

  /**
   * Changes the width. `cut`, as xterm: what is right of the new width is lost. `rewrap`, as most others: lines that
   * were wrapped are joined, and all are wrapped anew.
   */
  resize(columns: number, how: 'cut' | 'rewrap'): this {
    this.#columns = columns
    if (how === 'cut') {
      this.#rows = this.#rows.map(({ text }) => ({ text: text.slice(0, columns), continues: false }))
      this.#column = Math.min(this.#column, columns - 1)
      return this
    }
    let line = ''
    let offset = 0
    for (const { text, continues } of this.#rows.splice(0)) {
      offset = line.length + this.#column
      line += text
      if (continues) continue
      for (let start = 0; start === 0 || start < line.length; start += columns) {
        this.#rows.push({ text: line.slice(start, start + columns), continues: start + columns < line.length })
        this.#column = offset - start
      }
      line = ''
    }
    return this
  }

  #put(unit: string): void {
    const row = this.#rows.at(-1) as Row
    if (unit === '\r') this.#column = 0
    else if (unit === '\n') this.#rows.push({ text: '', continues: false })
    else if (unit === ERASE) row.text = row.text.slice(0, this.#column)
    else if (this.#column === this.#columns) {
      row.continues = true
      this.#rows.push({ text: unit, continues: false })
      this.#column = 1
    } else {
      row.text = row.text.slice(0, this.#column).padEnd(this.#column) + unit + row.text.slice(this.#column + 1)
      this.#column++
    }
  }
}
