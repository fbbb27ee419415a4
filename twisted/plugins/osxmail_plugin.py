from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(
    "osxmail",
    "osxmail.app.service",
    "A mail server: SMTP, submission, IMAP, POP3, a relay queue, accounts from a directory.",
    "osxmail",
)
