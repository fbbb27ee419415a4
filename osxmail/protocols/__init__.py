"""
Programs talk in: SMTP, submission, LMTP, IMAP and POP3.

C{base.py} is the one gate for all of them: bounded buffers, commands one at a time and in order, STARTTLS that
forgets what came before, back-pressure both ways, time-outs.  A protocol is a small class on it, with its grammar in
C{osxmail.mail}.  This room knows contracts (reception, accounts, mailboxes) and the portal of twisted.cred; it knows
neither directories nor tables, and decides nothing about mail.
"""
