// To be loaded by `node --import`: every import of the SDK fails.
import { register } from 'node:module'

const hooks = `export async function resolve(specifier, context, next) {
  if (specifier.startsWith('@aws-sdk/')) throw new Error('The SDK is imported')
  return await next(specifier, context)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
