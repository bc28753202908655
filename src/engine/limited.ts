/** Does `work` for each, at most `limit` at once; results in the order given. */
export async function limited<Item, Result>(
  limit: number,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  return Promise.all(inTurn(limit, items, work))
}

/**
 * The same, with a result to wait for each. Who takes longer than `patience` seconds no longer
 * counts: something that hangs must not take the place of others.
 */
export function inTurn<Item, Result>(
  limit: number,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  patience?: number,
): Promise<Result>[] {
  const waiting: (() => void)[] = []
  let free = limit
  const done = (): void => {
    const next = waiting.shift()
    if (next) next()
    else free += 1
  }
  return items.map(async (item) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    let counts = true
    const leave = (): void => {
      if (counts) done()
      counts = false
    }
    const timer = patience === undefined ? undefined : setTimeout(leave, patience * 1000)
    try {
      return await work(item)
    } finally {
      clearTimeout(timer)
      leave()
    }
  })
}
