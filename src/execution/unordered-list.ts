/** Something that a {@link Roll} keeps. */
export interface Enrolled {
  /** Where the roll keeps it; -1 while it does not. */
  place: number;
}

/**
 * The objects that are there now, in no order. A `Set` that one request joins and leaves after the
 * other rebuilds its table every few of them, which costs more than all else it does.
 */
export class Roll<T extends Enrolled> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    if (member.place === -1) member.place = this.#members.push(member) - 1;
  }

  delete(member: T): void {
    if (member.place === -1) return;
    const last = this.#members.pop()!;
    if (last !== member) {
      this.#members[member.place] = last;
      last.place = member.place;
    }
    member.place = -1;
  }

  /** Who is there now; later changes do not show. */
  members(): T[] {
    return [...this.#members];
  }
}
