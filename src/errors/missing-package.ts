import { createRequire } from 'node:module';
import { MissingPackageError } from './set-up-errors.js';

/**
 * Returns a function that throws MISSING_PACKAGE if Node did not find one of the packages, and else the error as it is.
 * `what` names the part of ours that needs all of them.
 */
export function missingPackage(what: string, needed: readonly string[]): (error: unknown) => never {
  return (error) => {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const isNotFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const missing = isNotFound ? needed.find((name) => String(message).includes(`'${name}'`)) : undefined;
    throw missing === undefined ? error : new MissingPackageError(what, missing, needed, error);
  };
}

/**
 * Loads the package that an entry point of ours needs. Not imported there, so that a program without it gets
 * MISSING_PACKAGE, and not an error of Node in our file. @throws MISSING_PACKAGE
 */
export function requirePackage(entry: string, name: string): unknown {
  try {
    return createRequire(import.meta.url)(name);
  } catch (error) {
    return missingPackage(`"nestjs-background-tasks/${entry}"`, [name])(error);
  }
}
