"""
The house: configuration, settings, the service tree, the command's other end, the log.

This is the only room that names concrete classes of the others and wires them together.  It decides nothing
about mail.

C{service} C{house}
    C{twistd osxmail}, from options to a service tree; the parts list, with start, reload and stop.

C{config} C{configfile} C{tomllines} C{places} C{quickstart}
    How this node runs: the file, checked as a whole; what may stand in it; which line a key stands on; where the file
    is looked for; what runs without one.

C{settings} C{settingsreference}
    How the service behaves: one typed table; C{docs/settings.md}, made from it.

C{listeners} C{directories} C{datafolder} C{log} C{terminal} C{early} C{memory}
    Doors that are bound early and opened late; directories that can be replaced; the folder that no two servers share;
    the log files, an observer of the events; words to the person in front; what is read while we may read all;
    how the C library keeps memory.

C{control} C{controlclient} C{command}
    The Unix socket that the command talks to, both ends; the command itself, with C{show} for its tables.

C{parts} C{commands} C{peoplecommands} C{queuecommands} C{settingcommands} C{statuscommands}
    What a running server answers: functions from arguments to JSON values.  The API and the console will use these
    functions and nothing else.
"""
