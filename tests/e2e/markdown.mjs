// Reads the blocks, links and names out of a Markdown document: what the tests of the documents run and look up.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib.mjs'

// Every block: fenced (tag: what follows the fence) or indented by four spaces (no tag).
export function read(file) {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const blocks = []
  const prose = []
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w*)$/.exec(lines[i])
    if (fence) {
      const end = lines.indexOf('```', i + 1)
      if (end < 0) throw new Error(`${file}:${i + 1}: a block without an end`)
      blocks.push({ file, line: i + 1, tag: fence[1], lines: lines.slice(i + 1, end) })
      i = end
    } else if (/^ {4}\S/.test(lines[i]) && (i === 0 || lines[i - 1] === '')) {
      const start = i
      while (i + 1 < lines.length && (/^ {4}/.test(lines[i + 1]) || (lines[i + 1] === '' && /^ {4}/.test(lines[i + 2] ?? '')))) i++
      blocks.push({ file, line: start + 1, tag: '', lines: lines.slice(start, i + 1).map((line) => line.slice(4)) })
    } else {
      prose.push({ line: i + 1, text: lines[i] })
    }
  }
  return { file, blocks, prose }
}

// How a block is run: by its tag, or where it has none by its content. Throws when nobody knows.
export function kindOf(block) {
  const full = block.lines.filter((line) => line.trim())
  const talk = full.length > 0 && full.every((line) => /^(->|<-) \{/.test(line))
  const shell = full.length > 0 && full.every((line) => /^(bin\/)?(lq|curl|make) |^ +\S|^#/.test(line))
  if (block.tag === 'text') return 'text'
  if (block.tag === 'sh') return 'shell'
  if (block.tag === 'yaml') return 'game'
  if (block.tag === 'ts') return 'client'
  // Played in real jails by guest_docs_test.c and physics_docs_test.c of lq_service/release.
  if (['docs/guests.md', 'docs/physics.md'].includes(block.file) && ['python', 'lua', 'c'].includes(block.tag)) return 'guest'
  if (['json', ''].includes(block.tag) && talk) return 'talk'
  if (block.tag === '' && shell) return 'shell'
  throw new Error(`${block.file}:${block.line}: a block that cannot be run: tag it json, sh, yaml, ts, or text`)
}

export function links(page) {
  return page.prose.flatMap(({ line, text }) => [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((m) => ({ line, to: m[1] })))
}

// `names` between back ticks in the running text and in text blocks.
export function ticked(page) {
  return page.prose.flatMap(({ line, text }) => [...text.matchAll(/`([^`]+)`/g)].map((m) => ({ line, name: m[1] })))
}
