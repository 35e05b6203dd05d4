import { BackgroundTasksError } from './background-tasks-error.js';

/** `NOT_REGISTERED`: a module of this package is needed, and nothing imports it with `forRoot()`. */
export class NotRegisteredError extends BackgroundTasksError {
  readonly code = 'NOT_REGISTERED';

  /** `problem` says what shows it, and `registration` is the import to write, if it is missing. */
  constructor(problem: string, registration?: string) {
    const fix = registration && ` Import the module once, in the root module: imports: [${registration}].`;
    super(`${problem}.${fix ?? ''}`);
  }
}

/** `ALREADY_REGISTERED`: `forRoot()` or `forRootAsync()` was imported more than once in one application. */
export class AlreadyRegisteredError extends BackgroundTasksError {
  readonly code = 'ALREADY_REGISTERED';

  constructor(registrations: number) {
    super(
      `BackgroundTasksModule is registered ${registrations} times. Import BackgroundTasksModule.forRoot() once, in ` +
        'the root module: it is global, so feature modules inject BackgroundTasks without importing anything.',
    );
  }
}

/** `UNSUPPORTED_NEST`: the installed Nest lacks something this package relies on. */
export class UnsupportedNestError extends BackgroundTasksError {
  readonly code = 'UNSUPPORTED_NEST';

  constructor(version: string, missing: readonly string[]) {
    super(
      `@nestjs/core ${version} lacks ${missing.join(', ')}, which nestjs-background-tasks relies on. ` +
        'Install a version of @nestjs/core that the peerDependencies of nestjs-background-tasks name.',
    );
  }
}

/** `MISSING_PACKAGE`: an optional peer dependency is not installed, and an entry point or an option needs it. */
export class MissingPackageError extends BackgroundTasksError {
  readonly code = 'MISSING_PACKAGE';

  /** `needed` are all packages that `what` needs, of which `missing` was not found. */
  constructor(what: string, missing: string, needed: readonly string[], cause: unknown) {
    super(`${what} needs ${missing}, which is not installed. Install what it needs: npm i ${needed.join(' ')}.`, {
      cause,
    });
  }
}
