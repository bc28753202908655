/** Which releases may answer, and when they could. */
export class Releases {
  readonly #spans: { readonly name: string; readonly from: number; to: number }[] = []

  /** From now on these, and no others. */
  allow(names: readonly string[], now: number): void {
    for (const each of this.#spans)
      if (each.to === Infinity && !names.includes(each.name)) each.to = now
    for (const name of names)
      if (!this.#spans.some((each) => each.name === name && each.to === Infinity))
        this.#spans.push({ name, from: now, to: Infinity })
  }

  /** Whether it could have answered between these two moments. */
  fits(name: string, begun: number, ended: number): boolean {
    return this.#spans.some((each) => each.name === name && each.from <= ended && each.to >= begun)
  }
}
