/** What a promise fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => {
      throw new Error('it should have failed')
    },
    (error) => error,
  )
}
