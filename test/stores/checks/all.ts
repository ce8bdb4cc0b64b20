import type { Checks } from './check.js'
import { checksums } from './checksums.js'
import { command } from './command.js'
import { failures } from './failures.js'
import { listings } from './listings.js'
import { lostAnswers } from './lost-answers.js'
import { memory } from './memory.js'
import { parameters } from './parameters.js'
import { refusals } from './refusals.js'
import { resuming } from './resuming.js'
import { sizes } from './sizes.js'

/** All checks, in the order in which they run. */
export const checks: Checks = {
  ...sizes,
  ...failures,
  ...refusals,
  ...lostAnswers,
  ...resuming,
  ...listings,
  ...checksums,
  ...parameters,
  ...command,
  ...memory,
}
