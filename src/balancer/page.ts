import { word } from './section.ts'

/** What people see when no app answers, as arguments of `http-error` and `http-request return`. */
export function page(title: string, text: string): string {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#333}</style><h1>${title}</h1><p>${text}</p></html>`
  return `${type} string ${word(html)}`
}

/** The same with a page of the user's own. */
export const pageOf = (file: string): string => `${type} file ${word(file)}`

const type = "content-type 'text/html; charset=utf-8'"
