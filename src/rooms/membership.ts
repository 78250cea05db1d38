/** Who is in which room, looked up from both sides. Nothing is sent here. */

/** Two maps that mirror each other. `Data` is what a member brings into a room. */
export class Membership<Member extends object, Data> {
  // Maps: to them a name such as "__proto__" is a name like any other.
  readonly #rooms = new Map<string, Map<Member, Data | undefined>>();
  readonly #members = new Map<Member, Set<string>>();
  // The members of rooms as lists, made when they are asked for.
  readonly #lists = new Map<string, readonly Member[]>();
  /** How often somebody came or left. */
  changes = 0;

  /** The members of a room with what they brought, in the order of joining; undefined where there is none. */
  of(name: string): ReadonlyMap<Member, Data | undefined> | undefined {
    return this.#rooms.get(name);
  }

  /** The same as a list that does not change when members come and go. */
  listOf(name: string): readonly Member[] {
    let list = this.#lists.get(name);
    if (list === undefined) {
      const room = this.#rooms.get(name);
      if (room === undefined) return [];
      this.#lists.set(name, list = [...room.keys()]);
    }
    return list;
  }

  has(name: string, member: Member): boolean {
    return this.#rooms.get(name)?.has(member) ?? false;
  }

  /** The rooms of a member, in the order of joining; undefined where it is in none. */
  roomsOf(member: Member): ReadonlySet<string> | undefined {
    return this.#members.get(member);
  }

  get names(): MapIterator<string> {
    return this.#rooms.keys();
  }

  /** How many rooms there are. */
  get size(): number {
    return this.#rooms.size;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  get members(): MapIterator<Member> {
    return this.#members.keys();
  }

  /** Puts it in; if it is there already only its data changes. */
  add(name: string, member: Member, data: Data | undefined): void {
    let room = this.#rooms.get(name);
    if (room === undefined) this.#rooms.set(name, room = new Map());
    if (!room.has(member)) this.#changed(name);
    room.set(member, data);
    const rooms = this.#members.get(member);
    if (rooms === undefined) this.#members.set(member, new Set([name]));
    else rooms.add(name);
  }

  /** Takes it out; gives false if it was not there. Empty rooms, and members of no room, are forgotten. */
  remove(name: string, member: Member): boolean {
    const room = this.#rooms.get(name);
    if (room?.delete(member) !== true) return false;
    this.#changed(name);
    if (room.size === 0) this.#rooms.delete(name);
    const rooms = this.#members.get(member);
    rooms?.delete(name);
    if (rooms?.size === 0) this.#members.delete(member);
    return true;
  }

  #changed(name: string): void {
    this.changes++;
    this.#lists.delete(name);
  }
}
