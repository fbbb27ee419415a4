# -*- test-case-name: tests.unit.protocols.test_languages -*-
"""
Languages of what we say to people through their mail programs: POP3's LANG (RFC 6856 3) and IMAP's LANGUAGE
(RFC 5255 3).

The English texts are in the code and are their own keys.  C{{0}}, C{{1}} stand for what is filled in.  A test holds
that each language has every text of POP3 and of L{osxmail.protocols.replies}.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

#: The longest language range that is looked at (RFC 5646 4.4.1 has 35 octets as enough).
MAX_RANGE_OCTETS = 100
#: What we speak before a client asks for something else (RFC 2277 4.5).
I_DEFAULT = "i-default"

_COLUMNS = ("de", "fr", "es", "ja")
#: English, and the same in the languages of C{_COLUMNS}.
_TEXTS: dict[str, tuple[str, str, str, str]] = {
    # Failures, the same in all protocols: see osxmail.protocols.replies.
    "That cannot be done now; try again later": (
        "Das geht jetzt nicht; später noch einmal versuchen",
        "Impossible pour le moment ; réessayez plus tard",
        "No es posible ahora; inténtelo más tarde",
        "現在は実行できません。後でもう一度お試しください",
    ),
    "That is not well formed": (
        "Das ist nicht richtig geformt",
        "La syntaxe n'est pas correcte",
        "La sintaxis no es correcta",
        "書式が正しくありません",
    ),
    "There is no such thing": ("Das gibt es nicht", "Cela n'existe pas", "No existe", "存在しません"),
    "There is no such account": (
        "Dieses Konto gibt es nicht",
        "Ce compte n'existe pas",
        "Esa cuenta no existe",
        "そのアカウントは存在しません",
    ),
    "There is no such mailbox": (
        "Dieses Postfach gibt es nicht",
        "Cette boîte aux lettres n'existe pas",
        "Ese buzón no existe",
        "そのメールボックスは存在しません",
    ),
    "There is no such message": (
        "Diese Nachricht gibt es nicht",
        "Ce message n'existe pas",
        "Ese mensaje no existe",
        "そのメッセージは存在しません",
    ),
    "There is no such domain": (
        "Diese Domain gibt es nicht",
        "Ce domaine n'existe pas",
        "Ese dominio no existe",
        "そのドメインは存在しません",
    ),
    "It exists already": ("Das gibt es schon", "Cela existe déjà", "Ya existe", "すでに存在します"),
    "Another mailbox is used for that": (
        "Dafür dient ein anderes Postfach",
        "Une autre boîte aux lettres sert à cela",
        "Otro buzón se usa para eso",
        "その用途には別のメールボックスが使われています",
    ),
    "That is not allowed": (
        "Das ist nicht erlaubt",
        "Ce n'est pas autorisé",
        "No está permitido",
        "許可されていません",
    ),
    "Delete the mailboxes below it first": (
        "Zuerst die Postfächer darunter löschen",
        "Supprimez d'abord les boîtes qu'elle contient",
        "Borre primero los buzones que contiene",
        "先に下位のメールボックスを削除してください",
    ),
    "Wrong login or password": (
        "Name oder Passwort ist falsch",
        "Identifiant ou mot de passe incorrect",
        "Usuario o contraseña incorrectos",
        "ユーザ名またはパスワードが違います",
    ),
    "This account may not log in here": (
        "Dieses Konto darf sich hier nicht anmelden",
        "Ce compte n'est pas autorisé à se connecter ici",
        "Esta cuenta no puede iniciar sesión aquí",
        "このアカウントはここにログインできません",
    ),
    "Start TLS before a password passes": (
        "Vor dem Passwort muss TLS beginnen",
        "Activez TLS avant d'envoyer un mot de passe",
        "Active TLS antes de enviar una contraseña",
        "パスワードの前にTLSを開始してください",
    ),
    "The mailbox is full": (
        "Das Postfach ist voll",
        "La boîte aux lettres est pleine",
        "El buzón está lleno",
        "メールボックスがいっぱいです",
    ),
    "That is more than is allowed": (
        "Das ist mehr, als erlaubt ist",
        "C'est plus que ce qui est autorisé",
        "Es más de lo permitido",
        "許可された量を超えています",
    ),
    "The message is too large": (
        "Die Nachricht ist zu groß",
        "Le message est trop volumineux",
        "El mensaje es demasiado grande",
        "メッセージが大きすぎます",
    ),
    "Another session has it; try again later": (
        "Eine andere Sitzung hat es; später noch einmal versuchen",
        "Une autre session l'utilise ; réessayez plus tard",
        "Otra sesión lo está usando; inténtelo más tarde",
        "別のセッションが使用中です。後でもう一度お試しください",
    ),
    "The directory cannot be asked now; try again later": (
        "Das Verzeichnis kann jetzt nicht gefragt werden; später noch einmal versuchen",
        "L'annuaire ne répond pas ; réessayez plus tard",
        "El directorio no responde ahora; inténtelo más tarde",
        "現在ディレクトリに問い合わせできません。後でもう一度お試しください",
    ),
    "DNS gives no answer now; try again later": (
        "DNS antwortet jetzt nicht; später noch einmal versuchen",
        "Le DNS ne répond pas ; réessayez plus tard",
        "El DNS no responde ahora; inténtelo más tarde",
        "現在DNSが応答しません。後でもう一度お試しください",
    ),
    "There is no room now; try again later": (
        "Es ist jetzt kein Platz; später noch einmal versuchen",
        "Il n'y a plus de place ; réessayez plus tard",
        "No hay espacio ahora; inténtelo más tarde",
        "現在空き容量がありません。後でもう一度お試しください",
    ),
    "The mail store cannot serve now; try again later": (
        "Der Mailspeicher ist jetzt nicht verfügbar; später noch einmal versuchen",
        "Le stockage du courrier est indisponible ; réessayez plus tard",
        "El almacén de correo no está disponible; inténtelo más tarde",
        "現在メールストアを利用できません。後でもう一度お試しください",
    ),
    "Too much to do now; try again later": (
        "Jetzt ist zu viel zu tun; später noch einmal versuchen",
        "Le serveur est surchargé ; réessayez plus tard",
        "El servidor está sobrecargado; inténtelo más tarde",
        "現在混み合っています。後でもう一度お試しください",
    ),
    "The message cannot be read; ask postmaster": (
        "Die Nachricht kann nicht gelesen werden; bitte postmaster fragen",
        "Le message est illisible ; contactez postmaster",
        "El mensaje no se puede leer; consulte a postmaster",
        "メッセージを読み取れません。postmasterにお問い合わせください",
    ),
    "Too many sessions of this account; end one first": (
        "Zu viele Sitzungen dieses Kontos; zuerst eine beenden",
        "Trop de sessions pour ce compte ; fermez-en une",
        "Demasiadas sesiones de esta cuenta; cierre una primero",
        "このアカウントのセッションが多すぎます。どれかを終了してください",
    ),
    "Too many sessions; try again later": (
        "Zu viele Sitzungen; später noch einmal versuchen",
        "Trop de sessions ; réessayez plus tard",
        "Demasiadas sesiones; inténtelo más tarde",
        "セッションが多すぎます。後でもう一度お試しください",
    ),
    "You logged in a moment ago; wait a little": (
        "Die letzte Anmeldung ist noch nicht lange her; etwas warten",
        "Votre dernière connexion est trop récente ; patientez un peu",
        "Acaba de iniciar sesión; espere un poco",
        "ログインしたばかりです。少しお待ちください",
    ),
    "Too many wrong passwords from your address; try again later": (
        "Zu viele falsche Passwörter von dieser Adresse; später noch einmal versuchen",
        "Trop de mots de passe incorrects depuis votre adresse ; réessayez plus tard",
        "Demasiadas contraseñas incorrectas desde su dirección; inténtelo más tarde",
        "このアドレスからのパスワードの誤りが多すぎます。後でもう一度お試しください",
    ),
    "A fault of ours ({0}); try again later": (
        "Ein Fehler bei uns ({0}); später noch einmal versuchen",
        "Une erreur de notre côté ({0}) ; réessayez plus tard",
        "Un error nuestro ({0}); inténtelo más tarde",
        "サーバ側の障害です ({0})。後でもう一度お試しください",
    ),
    # POP3
    "That command is not known here": (
        "Diesen Befehl gibt es hier nicht",
        "Cette commande est inconnue ici",
        "Esa orden no se conoce aquí",
        "不明なコマンドです",
    ),
    "Log in first": (
        "Zuerst anmelden",
        "Connectez-vous d'abord",
        "Inicie sesión primero",
        "先にログインしてください",
    ),
    "You have logged in": (
        "Die Anmeldung ist schon erfolgt",
        "Vous êtes déjà connecté",
        "Ya ha iniciado sesión",
        "すでにログインしています",
    ),
    "That message is deleted": (
        "Diese Nachricht ist gelöscht",
        "Ce message est supprimé",
        "Ese mensaje está borrado",
        "そのメッセージは削除されています",
    ),
    "Another program has removed that message": (
        "Ein anderes Programm hat diese Nachricht entfernt",
        "Un autre programme a supprimé ce message",
        "Otro programa ha eliminado ese mensaje",
        "そのメッセージは別のプログラムが削除しました",
    ),
    "This message needs UTF8": (
        "Diese Nachricht braucht UTF8",
        "Ce message nécessite UTF8",
        "Este mensaje requiere UTF8",
        "このメッセージにはUTF8が必要です",
    ),
    "Line too long": ("Die Zeile ist zu lang", "Ligne trop longue", "Línea demasiado larga", "行が長すぎます"),
    "Too many errors": ("Zu viele Fehler", "Trop d'erreurs", "Demasiados errores", "エラーが多すぎます"),
    "Closing the connection": (
        "Die Verbindung wird geschlossen",
        "Fermeture de la connexion",
        "Se cierra la conexión",
        "接続を終了します",
    ),
    "An administrator ends this connection": (
        "Ein Administrator beendet diese Verbindung",
        "Un administrateur met fin à cette connexion",
        "Un administrador termina esta conexión",
        "管理者がこの接続を終了します",
    ),
    "Bye": ("Auf Wiedersehen", "Au revoir", "Adiós", "さようなら"),
    "TLS is on": ("TLS ist schon an", "TLS est déjà actif", "TLS ya está activo", "TLSはすでに有効です"),
    "STLS must come before UTF8": (
        "STLS muss vor UTF8 kommen",
        "STLS doit précéder UTF8",
        "STLS debe preceder a UTF8",
        "STLSはUTF8より前に必要です",
    ),
    "Go on with TLS": ("Weiter mit TLS", "Continuez avec TLS", "Continúe con TLS", "TLSを開始してください"),
    "UTF-8 is on": ("UTF-8 ist an", "UTF-8 est actif", "UTF-8 está activo", "UTF-8が有効です"),
    "Now the password": (
        "Jetzt das Passwort",
        "Maintenant le mot de passe",
        "Ahora la contraseña",
        "次にパスワードを送ってください",
    ),
    "Say USER first": ("Zuerst USER", "USER d'abord", "Primero USER", "先にUSERが必要です"),
    "That mechanism is not offered": (
        "Dieses Verfahren wird nicht angeboten",
        "Ce mécanisme n'est pas proposé",
        "Ese mecanismo no se ofrece",
        "その認証方式は使用できません",
    ),
    "Cancelled": ("Abgebrochen", "Annulé", "Cancelado", "中止しました"),
    "These languages": ("Diese Sprachen", "Les langues", "Los idiomas", "言語一覧"),
    "There is no such language": (
        "Diese Sprache gibt es nicht",
        "Cette langue n'est pas disponible",
        "Ese idioma no está disponible",
        "その言語はありません",
    ),
    "From now on in English": (
        "Ab jetzt auf Deutsch",
        "Désormais en français",
        "Desde ahora en español",
        "日本語で応答します",
    ),
    "{0} messages ({1} octets)": (
        "{0} Nachrichten ({1} Oktette)",
        "{0} messages ({1} octets)",
        "{0} mensajes ({1} octetos)",
        "{0}通 ({1}オクテット)",
    ),
}  # fmt: skip


@frozen
class Language:
    """
    @ivar tag: RFC 5646.
    @ivar name: in the language itself.
    """

    tag: str
    name: str
    _texts: Mapping[str, str] = field(repr=False, eq=False)

    def say(self, text: str, *parts: object) -> str:
        """
        An English text in this language; what there is no translation of stays as it is.

        @param parts: for C{{0}}, C{{1}} …
        """
        said = self._texts.get(text, text)
        return said.format(*parts) if parts else said

    def knows(self, text: str) -> bool:
        """
        Is there a translation?
        """
        return text in self._texts


def _language(tag: str, name: str) -> Language:
    column = _COLUMNS.index(tag)
    return Language(tag, name, {english: said[column] for english, said in _TEXTS.items()})


ENGLISH = Language("en", "English", {english: english for english in _TEXTS})
#: In the order in which they are listed.
LANGUAGES = (
    ENGLISH,
    _language("de", "Deutsch"),
    _language("fr", "Français"),
    _language("es", "Español"),
    _language("ja", "日本語"),
)
_BY_TAG = {language.tag: language for language in LANGUAGES}


def languageFor(wanted: str, preferred: str = "en") -> Language | None:
    """
    The language that a basic language range (RFC 4647 2.1) means: C{de-AT} is German (RFC 4647 3.4), C{*} the
    server's own, C{i-default} English.

    @param preferred: the tag of the server's own language: the setting C{login.language}.
    @return: C{None} if we do not speak it.
    """
    if wanted == "*":
        return _BY_TAG.get(preferred, ENGLISH)
    if len(wanted) > MAX_RANGE_OCTETS:
        return None
    wanted = wanted.lower()
    if wanted == I_DEFAULT:
        return ENGLISH
    return _BY_TAG.get(wanted.partition("-")[0])
