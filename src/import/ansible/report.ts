/** Something that a person has to see to, or to know. */
export interface Remark {
  readonly file: string
  readonly line: number
  /** The name of the task or of what else it is about. */
  readonly what: string
  readonly why: string
  /** What to do by hand. */
  readonly todo: string
}

/** What was not translated, line by line. */
export class Report {
  /** Not in the description: to be done by hand. */
  readonly left: Remark[] = []
  /** In the description, or needless there, but not quite the same: to be known. */
  readonly notes: Remark[] = []

  leave(place: { file: string; line: number }, what: string, why: string, todo = ''): void {
    add(this.left, { file: place.file, line: place.line, what, why, todo })
  }

  note(place: { file: string; line: number }, what: string, why: string, todo = ''): void {
    add(this.notes, { file: place.file, line: place.line, what, why, todo })
  }
}

function add(all: Remark[], one: Remark): void {
  if (!all.some((each) => JSON.stringify(each) === JSON.stringify(one))) all.push(one)
}
