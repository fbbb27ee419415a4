# -*- test-case-name: tests.unit.mail.test_folknames -*-
"""
What mail programs call the folders that every account has, in the languages that they speak: so that a folder which one
of them makes is known for what it is (RFC 6154).
"""

from __future__ import annotations

import unicodedata

_NAMES = {
    "\\Sent": (
        "Sent", "Sent Items", "Sent Messages", "Sent Mail", "Sent Objects",
        "Gesendet", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten", "Gesendete E-Mails",
        "Éléments envoyés", "Messages envoyés", "Courrier envoyé", "Envoyés", "Envoyé",
        "Elementos enviados", "Mensajes enviados", "Enviados", "Correo enviado",
        "Itens enviados", "Mensagens enviadas", "Itens Enviados",
        "Posta inviata", "Inviati", "Messaggi inviati", "Inviata",
        "Verzonden items", "Verzonden berichten", "Verzonden",
        "Skickat", "Skickade", "Sendt post", "Sendte elementer", "Sendt", "Sendte", "Lähetetyt",
        "Elementy wysłane", "Wysłane", "Odeslaná pošta", "Odeslané", "Elküldött", "Elküldött elemek",
        "Отправленные", "Отправленные элементы", "Надіслані", "Gönderilmiş Öğeler", "Gönderilenler",
        "送信済み", "送信済みアイテム", "送信済みメール", "已发送", "已发送邮件", "寄件備份", "已傳送郵件",
        "보낸 편지함", "보낸편지함",
    ),
    "\\Drafts": (
        "Drafts", "Draft", "Entwürfe", "Entwurf", "Brouillons", "Brouillon", "Borradores", "Borrador", "Rascunhos",
        "Bozze", "Bozza", "Concepten", "Utkast", "Kladder", "Kladde", "Luonnokset", "Kopie robocze", "Wersje robocze",
        "Szkice", "Koncepty", "Rozepsané", "Piszkozatok", "Черновики", "Чернетки", "Taslaklar",
        "下書き", "草稿", "草稿箱", "임시 보관함", "임시보관함",
    ),
    "\\Trash": (
        "Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Rubbish",
        "Papierkorb", "Gelöschte Objekte", "Gelöschte Elemente", "Gelöscht",
        "Corbeille", "Éléments supprimés", "Messages supprimés",
        "Papelera", "Elementos eliminados", "Lixeira", "Lixo", "Itens excluídos", "Itens eliminados",
        "Cestino", "Posta eliminata", "Prullenbak", "Prullenmand", "Verwijderde items",
        "Papperskorgen", "Borttaget", "Papirkurv", "Papirkurven", "Slettet post", "Slettede elementer", "Slettede",
        "Roskakori", "Poistetut", "Kosz", "Elementy usunięte", "Koš", "Odstraněná pošta", "Kuka", "Törölt elemek",
        "Корзина", "Удаленные", "Удалённые", "Кошик", "Видалені", "Çöp Kutusu", "Silinmiş Öğeler",
        "ゴミ箱", "削除済みアイテム", "已删除", "已删除邮件", "垃圾桶", "刪除的郵件", "휴지통", "지운 편지함",
    ),
    "\\Junk": (
        "Junk", "Spam", "Junk E-mail", "Junk Email", "Junk Mail", "Bulk Mail",
        "Werbung", "Spamverdacht", "Junk-E-Mail", "Unerwünscht", "Unerwünschte Werbung",
        "Courrier indésirable", "Indésirables", "Pourriel", "Correo no deseado", "No deseado",
        "Lixo eletrônico", "Lixo Electrónico", "Posta indesiderata", "Indesiderata", "Ongewenste e-mail", "Ongewenst",
        "Skräppost", "Søppelpost", "Uønsket e-mail", "Uønsket mail", "Roskaposti",
        "Wiadomości-śmieci", "Niechciane", "Nevyžádaná pošta", "Levélszemét",
        "Нежелательная почта", "Спам", "Небажана пошта",
        "Önemsiz", "迷惑メール", "垃圾邮件", "垃圾郵件", "정크 메일", "스팸편지함",
    ),
    "\\Archive": (
        "Archive", "Archives", "Archiv", "Archivo", "Arquivo", "Archivio", "Archief", "Arkiv", "Arkisto", "Archiwum",
        "Archivum", "Archívum", "Архив", "Архів", "Arşiv", "アーカイブ", "归档", "存档", "封存", "보관",
    ),
}  # fmt: skip


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


_USES = {_folded(name): use for use, names in _NAMES.items() for name in names}


def useOfName(name: str) -> str:
    """
    The special use that a mailbox of this name has for those who make one, C{""} for none that we know.  Names with a
    level above have none: who keeps mail by year or by client means the folder there.
    """
    return _USES.get(_folded(name), "")
