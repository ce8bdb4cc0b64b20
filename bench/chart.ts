import * as echarts from 'echarts'

/** A bar chart: a group of bars for each category, and a bar of each series in every group. */
export interface Chart {
  title: string
  categories: string[]
  /** A bar that has no value is left out. */
  series: { name: string; colour: string; values: (number | undefined)[]; labels?: string[] }[]
  /** The end of the axis; by default it fits the values. */
  most?: number
  /** The height of a group, in pixels. */
  height: number
}

/** The chart as SVG. A bar is labelled with its value, unless the series has labels. */
export function chart({ title, categories, series, most, height }: Chart): string {
  const size = { width: 900, height: 90 + height * categories.length }
  const image = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size })
  image.setOption({
    animation: false,
    backgroundColor: '#fff',
    color: series.map(({ colour }) => colour),
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 0, itemGap: 30, data: series.map(({ name }) => name) },
    grid: { left: 240, right: 50, top: 40, bottom: 60 },
    xAxis: { type: 'value', ...(most === undefined ? {} : { max: most }) },
    yAxis: { type: 'category', inverse: true, data: categories },
    series: series.map(({ name, values, labels }) => ({
      name,
      type: 'bar',
      label: {
        show: true,
        position: 'right',
        ...(labels && { formatter: ({ dataIndex }: { dataIndex: number }) => labels[dataIndex] ?? '' }),
      },
      data: values.map((value) => value ?? '-'),
    })),
  })
  const svg = image.renderToSVGString()
  // Otherwise its timer keeps the process alive.
  image.dispose()
  return svg
}
