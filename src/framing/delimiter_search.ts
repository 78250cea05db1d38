/**
 * Finds delimiters in bytes that come in pieces: the earliest one, and of those that begin there the longest. Each byte
 * is looked at once, whatever the delimiters are.
 *
 * The delimiters form a trie, and the bytes since the earliest place where one may have begun are always the path to one
 * of its nodes. Where a byte does not go on from a node, the longest delimiter on its path is found, or, if there is
 * none, nothing begins at the first byte. What the bytes behind that amount to is known beforehand for every node
 * (`next` and `found`), so nothing is read again.
 *
 * Not @std: `indexOfNeedle` of @std/bytes reads again what overlaps and knows one needle in one piece, and
 * `DelimiterStream` of @std/streams has no maximum and misses some matches of long delimiters.
 */

/** A delimiter that was found. */
export interface Found {
  /** Where it begins, counted from the first byte ever scanned. */
  readonly at: number;
  readonly bytes: number;
}

interface Node {
  readonly depth: number;
  readonly children: Map<number, Node>;
  /** Length of the longest delimiter on the path to here, 0 for none. */
  matched: number;
  /** Where the path leads to without its delimiter, or without its first byte; undefined is the root. */
  next: Node | undefined;
  /** The delimiters that are complete on that way, the last first. */
  found: OnPath | undefined;
}

/** A delimiter on a path; nodes share what their parents have. */
interface OnPath {
  readonly before: OnPath | undefined;
  /** Counted from the beginning of the path. */
  readonly at: number;
  readonly bytes: number;
}

/** Told of a delimiter: how far back from here it begins, and its length. */
type Tell = (back: number, bytes: number) => void;

function newNode(depth: number): Node {
  return { depth, children: new Map(), matched: 0, next: undefined, found: undefined };
}

/** What never changes for a set of delimiters. */
export class DelimiterTable {
  readonly root: Node = newNode(0);
  /** 1 for the bytes that a delimiter begins with. */
  readonly starts: Uint8Array = new Uint8Array(256);
  /** The byte that all begin with, -1 if they differ. */
  readonly onlyStart: number;
  readonly longestBytes: number;

  constructor(delimiters: readonly Uint8Array[]) {
    const levels: [parent: Node, byte: number, node: Node][][] = [];
    for (const delimiter of delimiters) {
      let node = this.root;
      for (const byte of delimiter) {
        let child = node.children.get(byte);
        if (child === undefined) {
          child = newNode(node.depth + 1);
          node.children.set(byte, child);
          (levels[node.depth] ??= []).push([node, byte, child]);
        }
        node = child;
      }
      node.matched = node.depth;
    }
    // From the root outwards, because each node stands on its parent.
    for (const [parent, byte, node] of levels.flat()) this.#complete(node, parent, byte);
    this.longestBytes = levels.length;
    const starts = [...this.root.children.keys()];
    for (const byte of starts) this.starts[byte] = 1;
    this.onlyStart = starts.length === 1 ? starts[0] ?? -1 : -1;
  }

  /** Goes on from `node` by one byte. Tells what is found, counted back from in front of that byte. */
  step(node: Node, byte: number, tell: Tell): Node {
    for (let from = node;;) {
      const child = from.children.get(byte);
      if (child !== undefined) return child;
      if (from === this.root) return from;
      from = this.giveUp(from, tell);
    }
  }

  /** Nothing longer is there: tells what has been found, and gives the node of what is behind it. */
  giveUp(node: Node, tell: Tell): Node {
    if (node.matched > 0) tell(node.depth, node.matched);
    if (node.found !== undefined) tellInOrder(node.found, node.depth, tell);
    return node.next ?? this.root;
  }

  #complete(node: Node, parent: Node, byte: number): void {
    if (node.matched > 0 || parent === this.root) return; // nothing is left of the path
    node.matched = parent.matched;
    let { found } = parent;
    node.next = this.step(parent.next ?? this.root, byte, (back, bytes) => {
      found = { before: found, at: parent.depth - back, bytes };
    });
    node.found = found;
  }
}

function tellInOrder(last: OnPath, depth: number, tell: Tell): void {
  const found: OnPath[] = [];
  for (let one: OnPath | undefined = last; one !== undefined; one = one.before) found.push(one);
  for (const { at, bytes } of found.reverse()) tell(depth - at, bytes);
}

/** The search in one stream of bytes. */
export class DelimiterSearch {
  /** What was found last, the earliest first. */
  readonly found: Found[] = [];
  /** How many bytes have been scanned. */
  position = 0;
  readonly #table: DelimiterTable;
  #node: Node;
  readonly #tell: Tell = (back, bytes) => void this.found.push({ at: this.position - back, bytes });

  constructor(table: DelimiterTable) {
    this.#table = table;
    this.#node = table.root;
  }

  /** Begins anew. */
  reset(): void {
    this.found.length = this.position = 0;
    this.#node = this.#table.root;
  }

  /** No delimiter begins in front of here, but for those in `found`. */
  get settled(): number {
    return this.position - this.#node.depth;
  }

  /** Scans from `at` to `end`, or until something was found; gives where it stopped. */
  scan(buffer: Uint8Array, at: number, end: number): number {
    const table = this.#table;
    for (let i = at; i < end;) {
      if (this.#node === table.root) {
        const start = this.#nextStart(buffer, i, end);
        this.position += start - i;
        if (start === end) return end;
        i = start;
      }
      this.#node = table.step(this.#node, buffer[i++]!, this.#tell); // below end
      this.position++;
      // What nothing longer goes on from need not wait for the next byte.
      if (this.#node.children.size === 0) this.#node = table.giveUp(this.#node, this.#tell);
      if (this.found.length > 0) return i;
    }
    return end;
  }

  /** No more bytes come: what is undecided is found as it stands. */
  end(): void {
    while (this.#node !== this.#table.root) this.#node = this.#table.giveUp(this.#node, this.#tell);
  }

  /** Where the next delimiter may begin. */
  #nextStart(buffer: Uint8Array, from: number, end: number): number {
    const { starts, onlyStart } = this.#table;
    let i = from;
    if (onlyStart >= 0) {
      // The runtime searches faster than a loop, but a call that finds at once costs more.
      if (buffer[i] === onlyStart) return i;
      i = buffer.indexOf(onlyStart, i);
      return i < 0 || i > end ? end : i;
    }
    while (i < end && starts[buffer[i]!] === 0) i++; // below end
    return i;
  }
}
