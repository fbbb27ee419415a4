# -*- test-case-name: tests.unit.protocols.imap.test_speaking -*-
"""
What people read of our answers, in the language that their mail program has asked for (RFC 5255 3).

The code says everything in English; it is translated as it is written.  What stands behind C{BAD} is for who writes
mail programs, and stays in English where the tables have nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osxmail.protocols.languages import ENGLISH, Language

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

_ANSWER = re.compile(r"((?:\* )?(?:OK|NO|BAD|BYE))((?: \[[^\]]*\])?) (.*?)((?:\r\n)?)", re.DOTALL)
_COMPLETED = re.compile(r"([A-Z]+) completed")
_FAULT = re.compile(r"A fault of ours \(([0-9a-f]+)\)(?:; try again later)?")

#: What IMAP alone says; the rest is in L{osxmail.protocols.languages}.  German, French, Spanish, Japanese.
TEXTS: dict[str, tuple[str, str, str, str]] = {
    "{0} completed": ("{0} ist getan", "{0} terminé", "{0} terminado", "{0}を完了しました"),
    "Done": ("Getan", "Fait", "Hecho", "完了"),
    "Nothing to do": ("Nichts zu tun", "Rien à faire", "Nada que hacer", "処理するものはありません"),
    "Logged in": ("Angemeldet", "Connecté", "Sesión iniciada", "ログインしました"),
    "Logged out; log in again": (
        "Abgemeldet; bitte neu anmelden",
        "Déconnecté ; reconnectez-vous",
        "Sesión cerrada; vuelva a iniciarla",
        "ログアウトしました。再度ログインしてください",
    ),
    "No further updates": (
        "Keine weiteren Mitteilungen",
        "Plus de mises à jour",
        "Sin más actualizaciones",
        "以後の更新はありません",
    ),
    "There is no such event here": (
        "Solche Ereignisse gibt es hier nicht",
        "Cet événement n’existe pas ici",
        "Aquí no existe ese evento",
        "そのようなイベントはありません",
    ),
    "Conditional STORE failed for some": (
        "Einige waren inzwischen geändert",
        "Certains messages avaient changé entre-temps",
        "Algunos mensajes habían cambiado",
        "一部のメッセージは変更されていたため更新されませんでした",
    ),
    "Some of the messages are gone": (
        "Einige der Nachrichten sind nicht mehr da",
        "Certains messages n'existent plus",
        "Algunos de los mensajes ya no existen",
        "一部のメッセージはもう存在しません",
    ),
    "A body has a transfer encoding that is not known here": (
        "Ein Teil der Nachricht ist auf unbekannte Weise kodiert",
        "Une partie du message a un encodage inconnu",
        "Una parte del mensaje tiene una codificación desconocida",
        "本文の転送エンコーディングが不明です",
    ),
    "A header with 8-bit characters, and UTF8=ACCEPT is not enabled": (
        "Der Kopf hat 8-Bit-Zeichen, und UTF8=ACCEPT ist nicht eingeschaltet",
        "L'en-tête contient des caractères 8 bits et UTF8=ACCEPT n'est pas activé",
        "La cabecera tiene caracteres de 8 bits y UTF8=ACCEPT no está activado",
        "ヘッダに8ビット文字がありますが、UTF8=ACCEPTが有効ではありません",
    ),
    "An empty message is none": (
        "Eine leere Nachricht ist keine",
        "Un message vide n'en est pas un",
        "Un mensaje vacío no es un mensaje",
        "空のメッセージは保存できません",
    ),
    "Another charset, please": (
        "Bitte ein anderer Zeichensatz",
        "Un autre jeu de caractères, s'il vous plaît",
        "Otro juego de caracteres, por favor",
        "別の文字セットを指定してください",
    ),
    "DEFLATE is on already": (
        "DEFLATE ist schon an",
        "DEFLATE est déjà actif",
        "DEFLATE ya está activo",
        "DEFLATEはすでに有効です",
    ),
    "Not now": ("Jetzt nicht", "Pas maintenant", "Ahora no", "今は実行できません"),
    "Not now: log in first": (
        "Jetzt nicht: zuerst anmelden",
        "Pas maintenant : connectez-vous d'abord",
        "Ahora no: inicie sesión primero",
        "先にログインしてください",
    ),
    "There is no TLS here": ("Hier gibt es kein TLS", "Pas de TLS ici", "Aquí no hay TLS", "TLSは利用できません"),
    "There is no such mechanism": (
        "Diesen Mechanismus gibt es nicht",
        "Ce mécanisme n'existe pas",
        "Ese mecanismo no existe",
        "そのメカニズムは存在しません",
    ),
    "There is nothing of that name": (
        "Unter diesem Namen gibt es nichts",
        "Rien ne porte ce nom",
        "No hay nada con ese nombre",
        "その名前のものは存在しません",
    ),
    "STORAGE and MESSAGE can be limited": (
        "STORAGE und MESSAGE lassen sich begrenzen",
        "On peut limiter STORAGE et MESSAGE",
        "Se pueden limitar STORAGE y MESSAGE",
        "制限できるのはSTORAGEとMESSAGEです",
    ),
    "That is more than anybody has": (
        "So viel hat niemand",
        "Personne n'en a autant",
        "Nadie tiene tanto",
        "値が大きすぎます",
    ),
    "That is more than is kept": (
        "So viel wird nicht aufbewahrt",
        "C'est plus que ce qui est conservé",
        "Es más de lo que se guarda",
        "保存できる量を超えています",
    ),
    "The value is too long": (
        "Der Wert ist zu lang",
        "La valeur est trop longue",
        "El valor es demasiado largo",
        "値が長すぎます",
    ),
    "There is no limit": ("Es gibt keine Grenze", "Il n'y a pas de limite", "No hay límite", "制限はありません"),
    "There is no such special use": (
        "Diesen besonderen Zweck gibt es nicht",
        "Cet usage particulier n'existe pas",
        "Ese uso especial no existe",
        "その特殊用途は存在しません",
    ),
    "All keys are gone": (
        "Alle Schlüssel sind gelöscht",
        "Toutes les clés sont supprimées",
        "Todas las claves se han borrado",
        "すべてのキーを削除しました",
    ),
    "How URLs are authorised": (
        "Wie URLs berechtigt werden",
        "Comment les URL sont autorisées",
        "Cómo se autorizan los URL",
        "URLの認可方式",
    ),
    "Keys belong to the owner of a mailbox": (
        "Schlüssel hat, wem das Postfach gehört",
        "Les clés appartiennent au propriétaire de la boîte",
        "Las claves son del dueño del buzón",
        "キーはメールボックスの所有者のものです",
    ),
    "The key is another one": (
        "Der Schlüssel ist jetzt ein anderer",
        "La clé a changé",
        "La clave ha cambiado",
        "キーを変更しました",
    ),
    "Fewer mailboxes, please": (
        "Bitte weniger Postfächer",
        "Moins de boîtes, s'il vous plaît",
        "Menos buzones, por favor",
        "メールボックスの数を減らしてください",
    ),
    "Flags kept": ("Markierungen, die bleiben", "Drapeaux conservés", "Marcas que se guardan", "保存されるフラグ"),
    "UIDs valid": ("UIDs gelten", "UID valides", "UID válidos", "有効なUID"),
    "The next UID": ("Die nächste UID", "Le prochain UID", "El próximo UID", "次のUID"),
    "Highest": ("Höchste", "Le plus élevé", "El más alto", "最大値"),
    "The mailbox's id": (
        "Die Kennung des Postfachs",
        "L'identifiant de la boîte",
        "El identificador del buzón",
        "メールボックスのID",
    ),
    "The first unseen message": (
        "Die erste ungelesene Nachricht",
        "Le premier message non lu",
        "El primer mensaje sin leer",
        "最初の未読メッセージ",
    ),
    "The mailbox before is closed": (
        "Das vorige Postfach ist geschlossen",
        "La boîte précédente est fermée",
        "El buzón anterior está cerrado",
        "前のメールボックスを閉じました",
    ),
    "CONDSTORE is on": (
        "CONDSTORE ist an",
        "CONDSTORE est actif",
        "CONDSTORE está activo",
        "CONDSTOREを有効にしました",
    ),
    "DEFLATE is on": ("DEFLATE ist an", "DEFLATE est actif", "DEFLATE está activo", "DEFLATEを有効にしました"),
    "Begin TLS now": ("Jetzt TLS beginnen", "Commencez TLS", "Comience TLS ahora", "TLSを開始してください"),
    "Moved": ("Verschoben", "Déplacé", "Movido", "移動しました"),
    "Replaced": ("Ersetzt", "Remplacé", "Reemplazado", "置き換えました"),
    "Working": ("In Arbeit", "En cours", "En curso", "処理中"),
    "Too many mailboxes": ("Zu viele Postfächer", "Trop de boîtes", "Demasiados buzones", "メールボックスが多すぎます"),
    "Too many contexts": ("Zu viele Kontexte", "Trop de contextes", "Demasiados contextos", "コンテキストが多すぎます"),
    "Until next time": ("Bis zum nächsten Mal", "À bientôt", "Hasta la próxima", "またご利用ください"),
    "Too many bad commands": (
        "Zu viele falsche Befehle",
        "Trop de commandes erronées",
        "Demasiadas órdenes erróneas",
        "不正なコマンドが多すぎます",
    ),
    "Too many wrong passwords": (
        "Zu viele falsche Passwörter",
        "Trop de mots de passe erronés",
        "Demasiadas contraseñas erróneas",
        "パスワードの誤りが多すぎます",
    ),
    "Autologout: silent for too long": (
        "Abgemeldet: zu lange still",
        "Déconnexion : inactif trop longtemps",
        "Desconexión: demasiado tiempo inactivo",
        "無通信のため自動的にログアウトしました",
    ),
    "The server stops; come back in a moment": (
        "Der Server hält an; gleich noch einmal versuchen",
        "Le serveur s'arrête ; revenez dans un instant",
        "El servidor se detiene; vuelva en un momento",
        "サーバが停止します。しばらくしてから接続してください",
    ),
    "the selected mailbox was deleted": (
        "das geöffnete Postfach wurde gelöscht",
        "la boîte ouverte a été supprimée",
        "el buzón abierto fue borrado",
        "選択中のメールボックスが削除されました",
    ),
    "an administrator ended it": (
        "beendet von der Verwaltung",
        "terminé par l'administrateur",
        "terminada por la administración",
        "管理者が接続を終了しました",
    ),
}
_COLUMNS = ("de", "fr", "es", "ja")


def tell(session: Imap, responses: bytes) -> None:
    """
    Write untagged responses; what people may read of them is in the session's language.
    """
    language = session.language
    if language is not ENGLISH:
        responses = b"".join([inLanguage(language, line) for line in responses.splitlines(keepends=True)])
    session.write(responses)


def inLanguage(language: Language, answer: bytes) -> bytes:
    """
    A tagged answer without its tag, or one untagged response, in this language; what it does not know stays as it is.
    """
    if language is ENGLISH:
        return answer
    match = _ANSWER.fullmatch(answer.decode("utf-8"))
    if match is None:
        return answer
    what, code, text, end = match.groups()
    return f"{what}{code} {said(language, text)}{end}".encode()


def said(language: Language, text: str) -> str:
    """
    An English text in a language.
    """
    if language.knows(text):
        return language.say(text)
    fault = _FAULT.fullmatch(text)
    if fault is not None:
        return language.say("A fault of ours ({0}); try again later", fault.group(1))
    completed = _COMPLETED.fullmatch(text)
    row = TEXTS.get("{0} completed" if completed is not None else text)
    if row is None or language.tag not in _COLUMNS:
        return text
    translated = row[_COLUMNS.index(language.tag)]
    return translated.format(completed.group(1)) if completed is not None else translated
