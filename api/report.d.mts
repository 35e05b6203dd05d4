/** The entry points with types, by the names of their reports. */
export const entryPoints: ReadonlyMap<string, string>;

/** Describes an entry point, in the folder. */
export function writeReport(name: string, folder: string): void;
