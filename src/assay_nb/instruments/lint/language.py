"""The words that instructions are made of, in four languages.

Rules about wording read English, French, German and Spanish. A prompt in any other language, or too
short to tell, gets only the rules that look at form. The lists are short on purpose: a word that is
vague in one sentence and exact in the next stays out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one language's rules look for. All in lower case.

    Attributes:
        language: Its ISO code.
        imperatives: Verb forms that open an instruction.
        introductions: Words that open a phrase before the order: "Using the list, name …".
        openers: Words that may stand before the verb, such as "please" or "then".
        obligations: Words that make a sentence a rule wherever they stand.
        negations: Words that make an instruction a prohibition.
        alternatives: Words that introduce what to do instead.
        vague_sizes: Adjectives that set a length without saying which.
        vague_manners: Adverbs that do the same.
        vague_counts: Quantity words.
        products: Nouns for what a model writes.
        countables: Nouns for what it is asked to write several of.
        numbers: Number words that count, whatever follows.
        articles: Words that count only before a unit: "in einem Satz".
        units: What an article counts.
        brief: Words for few words.
        detailed: Words for many.
        be: Forms that make a predicate of an adjective ("be brief", "keep it brief").
        examples: Words for an example.
    """

    language: str
    imperatives: frozenset[str]
    introductions: frozenset[str]
    openers: frozenset[str]
    obligations: frozenset[str]
    negations: frozenset[str]
    alternatives: frozenset[str]
    vague_sizes: frozenset[str]
    vague_manners: frozenset[str]
    vague_counts: frozenset[str]
    products: frozenset[str]
    countables: frozenset[str]
    numbers: frozenset[str]
    articles: frozenset[str]
    units: frozenset[str]
    brief: frozenset[str]
    detailed: frozenset[str]
    be: frozenset[str]
    examples: frozenset[str]

    @property
    def function_words(self) -> frozenset[str]:
        """The words that hold its sentences together."""
        return _MARKERS[self.language]


def word_set(words: str) -> frozenset[str]:
    """Return the words of a string as a set: long lists read better without quotes and commas."""
    return frozenset(words.split())


ENGLISH = Words(
    language="en",
    imperatives=word_set(
        "accept adapt adhere advise aim allocate annotate append apply approve arrange "
        "assemble avoid back balance be bring capitalise capitalize capture change claim "
        "clean combine comment comply confirm connect contact continue contrast cross-check "
        "cut deduct delete deliver derive design detail direct display divide do double-check "
        "download elaborate embed emit emphasise emphasize execute expand explore fetch "
        "filter flag forward gather get guide hand handle import index inform install "
        "interpret introduce invent join justify lead link listen load log lower maintain "
        "manage map measure mimic monitor move normalise normalize notify number open "
        "optimise optimize outline pair parse pass pause perform personalise plan post prompt "
        "protect pull push quantify query raise reach recall recap record redact reduce "
        "reject release remain repeat request research resolve restrict retrieve retry reuse "
        "save scan schedule share shorten sign specify spend spot store strip submit "
        "substitute supply swap switch tailor total track transcribe trim type understand "
        "unify update upload vary view walk watch weigh welcome withhold "
        "act add address analyse analyze answer ask assess assign assume base begin break build "
        "calculate call categorise categorize check choose cite classify close collect compare "
        "complete compute condense consider convert copy correct count create decide define "
        "describe detect determine discuss draft edit end ensure escalate estimate evaluate examine "
        "explain express extract fill find finish focus follow format generate give grade greet "
        "group help highlight identify ignore imagine include infer insert inspect judge keep label "
        "leave limit list look make mark match mention merge name note offer omit order organise "
        "organize output paraphrase pick place play point polish predict prefer prepare present "
        "preserve print prioritise prioritize produce proofread propose provide put quote rank rate "
        "read recommend refer rely remember remove rephrase replace reply report respond restate "
        "return review revise rewrite route round run say score search select send separate set show "
        "simplify skip solve sort speak spell split start state stay stick stop structure suggest "
        "summarise summarize support tag take talk tell test think transform translate treat try "
        "turn use verify wait work wrap write"
    ),
    introductions=word_set(
        "using based from given with in for if when where after before on as once unless to at by within considering regarding"
    ),
    openers=word_set(
        "please then first second third next finally also always and lastly afterwards now instead "
        "otherwise just only simply carefully if your task is to you must should"
    ),
    obligations=word_set("must shall should"),
    negations=word_set("not never don't avoid without cannot can't mustn't shouldn't no"),
    alternatives=word_set(
        "instead but rather only unless except if use otherwise when where until beyond outside "
        "more other than before after until because"
    ),
    vague_sizes=word_set("short brief concise long lengthy compact"),
    vague_manners=word_set("briefly concisely shortly"),
    vague_counts=word_set("some several few many couple various multiple"),
    products=word_set(
        "summary answer reply response paragraph description explanation introduction intro overview "
        "abstract synopsis note email e-mail message text title headline caption essay report story "
        "article review post comment list bio biography outline recap blurb letter digest feedback "
        "sentence statement definition rationale justification conclusion snippet tagline subject "
        "translation version paraphrase pitch speech poem dialogue script"
    ),
    countables=word_set(
        "sentences words paragraphs examples ideas suggestions bullets bullet points items options "
        "questions reasons keywords tags titles headlines names alternatives steps lines tips facts "
        "recommendations arguments variants themes topics quotes phrases taglines slogans hashtags "
        "synonyms"
    ),
    numbers=word_set(
        "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty fifty "
        "hundred single once twice half dozen"
    ),
    articles=word_set("a an"),
    units=word_set("sentence paragraph word line bullet letter"),
    brief=word_set(
        "brief briefly concise concisely short terse succinct succinctly shortly minimal"
    ),
    detailed=word_set(
        "detailed exhaustive exhaustively comprehensive comprehensively thorough thoroughly elaborate "
        "extensive extensively lengthy verbose detail length depth"
    ),
    be=word_set("be keep stay remain is are being make"),
    examples=word_set("example examples sample samples instance e.g"),
)

FRENCH = Words(
    language="fr",
    imperatives=word_set(
        "aide aidez annonce annoncez applique appliquez arrondis arrondissez assure assurez "
        "attends attendez avertis avertissez cherche cherchez combine combinez complète "
        "complétez confirme confirmez convertis convertissez copie copiez coupe coupez couvre "
        "détaille détaillez définis définissez développe développez effectue effectuez envoie "
        "envoyez estime estimez examine examinez exprime exprimez imagine imaginez imite "
        "imitez inclus incluez insère insérez interprète invite invitez joue jouez justifie "
        "justifiez lance lancez numérote numérotez offre offrez ordonne ordonnez ouvre ouvrez "
        "passe passez pense pensez planifie préfère prépare préparez prends prenez privilégie "
        "privilégiez prononce rassure réduis réduisez refuse refusez regroupe regroupez "
        "remercie remerciez remplis remplissez renseigne rends rendez reporte sépare séparez "
        "simplifie simplifiez soigne souligne supprime supprimez surveille synthétise "
        "transmets transmettez va allez vise "
        "agis ajoute ajoutez analyse analysez attribue attribuez calcule calculez choisis choisissez "
        "cite citez classe classez compare comparez commence commencez compte comptez conserve "
        "conservez corrige corrigez crée créez décris décrivez détermine déterminez donne donnez "
        "écris écrivez établis établissez évalue évaluez explique expliquez extrais extrayez fais "
        "faites formule formulez fournis fournissez garde gardez génère générez identifie identifiez "
        "ignore ignorez indique indiquez laisse laissez limite limitez lis lisez liste listez mets "
        "mettez mentionne mentionnez note notez organise organisez pose posez précise précisez "
        "présente présentez produis produisez propose proposez rédige rédigez réécris réécrivez "
        "relève relevez remplace remplacez renvoie renvoyez repère repérez réponds répondez résume "
        "résumez respecte respectez reste restez retourne retournez sélectionne sélectionnez signale "
        "signalez sois soyez suggère suggérez suis suivez termine terminez traduis traduisez transforme "
        "transformez trie triez trouve trouvez utilise utilisez vérifie vérifiez demande demandez dis "
        "dites emploie employez salue saluez tutoie vouvoie vouvoyez adresse adressez veuillez "
        "appuie appuyez base basez tiens tenez reformule reformulez rappelle rappelez"
    ),
    introductions=word_set(
        "à si selon en pour dans avec quand lorsque après avant sur d'après s'il depuis d pour"
    ),
    openers=word_set(
        "puis ensuite enfin d'abord alors et toujours aussi sinon uniquement maintenant"
    ),
    obligations=word_set("dois devez doit doivent faut"),
    negations=word_set(
        "ne n'est n'invente n'inventez n'utilise n'utilisez n'ajoute n'ajoutez pas jamais "
        "aucun aucune évite évitez sans"
    ),
    alternatives=word_set(
        "mais plutôt sauf uniquement si sinon seulement lorsque quand sinon que hors"
    ),
    vague_sizes=word_set(
        "court courte courts courtes bref brève brefs brèves concis concise concises "
        "long longue longs longues succinct succincte"
    ),
    vague_manners=word_set("brièvement succinctement"),
    vague_counts=word_set("quelques plusieurs certains certaines divers diverses"),
    products=word_set(
        "résumé réponse paragraphe description explication introduction aperçu synthèse note courriel "
        "mail e-mail message texte titre article avis commentaire liste biographie plan lettre "
        "rapport phrase définition conclusion légende accroche traduction version histoire critique "
        "annonce fiche"
    ),
    countables=word_set(
        "phrases mots paragraphes exemples idées suggestions puces points éléments options questions "
        "raisons titres noms étapes lignes conseils faits recommandations arguments variantes thèmes "
        "mots-clés citations synonymes"
    ),
    numbers=word_set(
        "deux trois quatre cinq six sept huit neuf dix onze douze quinze vingt trente "
        "cinquante cent seul seule dizaine"
    ),
    articles=word_set("un une"),
    units=word_set("phrase paragraphe mot ligne puce lettre"),
    brief=word_set(
        "bref brève brefs brèves brièvement concis concise court courte succinct succincte "
        "succinctement"
    ),
    detailed=word_set(
        "détaillé détaillée détaillés détaillées détail exhaustif exhaustive exhaustivement "
        "approfondi approfondie complet complète longuement"
    ),
    be=word_set("sois soyez reste restez être est sera"),
    examples=word_set("exemple exemples"),
)

GERMAN = Words(
    language="de",
    imperatives=word_set(
        "fordere fordern lege legen lösche löschen verschiebe verschieben schicke schicken "
        "sende senden speichere speichern öffne öffnen schließe schließen starte starten "
        "stoppe warte warten wende wenden werte werten passe passen berücksichtige "
        "berücksichtigen bestätige bestätigen bevorzuge bieten bitte danke danken definiere "
        "definieren drücke einordne empfiehl empfehlen erwähne erwähnen erzähle erzählen "
        "erläutere erläutern erinnere fange filtere filtern folge folgen gruppiere gruppieren "
        "hole holen informiere informieren kennzeichne kennzeichnen kombiniere kommentiere "
        "konzentriere kopiere korrigier lade löse lösen merke nummeriere nutze nutzen "
        "optimiere plane planen präsentiere protokolliere reagiere recherchiere runde runden "
        "sammle sammeln schau sichere simuliere sorge sorgen spiele stütze stützen summiere "
        "teste testen übe unterscheide unterscheiden unterstreiche untersuche untersuchen "
        "verbessere verbessern verbinde verknüpfe vermerke vervollständige verweigere verwirf "
        "warne weiche wechsle zerlege ziehe ziehen frag sag komm lerne bringe bringen "
        "achte achten analysiere analysieren antworte antworten beachte beachten beantworte "
        "beantworten begründe begründen beginne beginnen behalte behalten benenne benutze benutzen "
        "berechne berechnen beschränke beschränken beschreibe beschreiben bestimme bestimmen bewerte "
        "bewerten bilde biete bleibe bleib bleiben denke entscheide entscheiden entferne entfernen "
        "ergänze ergänzen erkläre erklären ermittle ermitteln ersetze ersetzen erstelle erstellen "
        "erzeuge erzeugen extrahiere extrahieren erfasse erfassen fasse fassen finde finden formuliere formulieren "
        "frage fragen füge fügen führe führen gib geben geh gehe gehen gliedere gliedern halte halten hebe identifiziere "
        "identifizieren ignoriere ignorieren klassifiziere klassifizieren korrigiere korrigieren kürze "
        "kürzen lass lasse lassen lies lesen liefere liefern liste listen markiere markieren mache machen "
        "nenne nennen nimm nehmen notiere notieren ordne ordnen prüfe prüfen rechne sage sagen "
        "schlage schlagen schätze schreib schreibe schreiben sei seien setze setzen siehe sieze sortiere sortieren "
        "sprich stelle stellen strukturiere suche suchen teile teilen trenne überarbeite "
        "überarbeiten übernimm übernehmen übersetze übersetzen verfasse verfassen vergib vergeben "
        "vergleiche vergleichen verwende verwenden verweise verweisen wähle wählen wandle weise weisen "
        "wiederhole zähle zählen zeige zeigen zitiere zitieren begrüße begrüßen leite leiten melde melden"
    ),
    introductions=word_set("wenn falls sobald nachdem bevor sofern um soweit"),
    openers=word_set(
        "bitte dann zuerst danach anschließend zuletzt immer und jetzt sonst nur auch erst "
        "zunächst schließlich"
    ),
    obligations=word_set("musst müssen muss sollst sollen soll darfst dürfen"),
    negations=word_set(
        "nicht nie niemals kein keine keinen keinem keiner keinerlei vermeide vermeiden ohne"
    ),
    alternatives=word_set("sondern stattdessen aber nur außer wenn falls sonst es"),
    vague_sizes=word_set(
        "kurz kurze kurzen kurzer kurzes knapp knappe knappen knapper knappes prägnante "
        "prägnanten lange langen langer langes ausführliche ausführlichen"
    ),
    vague_manners=word_set("kurz knapp"),
    vague_counts=word_set(
        "einige einigen einiger mehrere mehreren mehrerer paar viele vielen manche"
    ),
    products=word_set(
        "zusammenfassung antwort absatz beschreibung erklärung einleitung übersicht überblick notiz "
        "e-mail mail nachricht text titel überschrift artikel bericht bewertung kommentar liste brief "
        "satz definition fazit begründung übersetzung fassung version geschichte rezension anzeige "
        "produktbeschreibung stellungnahme rückmeldung"
    ),
    countables=word_set(
        "sätze sätzen wörter wörtern worte worten absätze absätzen beispiele beispielen ideen vorschläge vorschlägen punkte "
        "punkten stichpunkte stichpunkten optionen fragen gründe titel namen schritte schritten zeilen tipps fakten "
        "empfehlungen argumente argumenten varianten themen schlagwörter zitate synonyme überschriften"
    ),
    numbers=word_set(
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf "
        "fünfzehn zwanzig dreißig fünfzig hundert einziger einzigen einzige"
    ),
    articles=word_set("ein eine einen einem einer"),
    units=word_set("satz absatz wort zeile stichpunkt"),
    brief=word_set("kurz kurze kurzen knapp knappe knappen bündig prägnant prägnante"),
    detailed=word_set(
        "ausführlich ausführliche ausführlichen detailliert detaillierte detaillierten umfassend "
        "umfassende erschöpfend eingehend detail einzelne"
    ),
    be=word_set("sei seien bleibe bleib bleiben ist halte halten"),
    examples=word_set("beispiel beispiele beispielen"),
)

SPANISH = Words(
    language="es",
    imperatives=word_set(
        "abre abra acepta adapta ajusta aplica aplique aporta aprovecha asegura atiende "
        "atienda avisa avise calma cambia cierra cierre combina confirma confirme consulta "
        "consulte contesta conteste contrasta cubre comenta copie corta cuida dale detalla "
        "detalle dirige dirija distingue divide edita emplea emplee entrega envía envíe "
        "espera espere especifica especifique estima expresa firma firme fija guarda guarde "
        "imagina imita informa informe inserta inserte interpreta introduce justifica "
        "justifique llama llame limpia mejora mejore mide nombra nombre numera obtén omite "
        "omita opta parte prepara prepare prioriza procesa prueba publica publique quita "
        "quite realiza realice recoge recomienda recuerda recuerde redondea reduce registra "
        "registre relaciona rellena repite reserva resalta resuelve reúne simplifica simula "
        "solicita solicite suma subraya toma tome transcribe transforma ve vuelve "
        "actúa actúe agrega agregue analiza analice añade añada asigna asigne asegúrate ayuda ayude "
        "basa busca busque calcula calcule cita cite clasifica clasifique compara compare completa "
        "comprueba compruebe comienza convierte convierta copia corrige corrija crea cree cuenta da "
        "decide define describe describa detecta detecte determina determine di diga devuelve devuelva "
        "elige elija elimina elimine empieza encuentra encuentre enumera enumere escribe escriba escoge "
        "evalúa evalúe explica explique extrae extraiga formula formule genera genere haz haga "
        "identifica identifique ignora ignore incluye incluya indica indique lee lea limita limite limítate "
        "lista liste mantén mantenga marca marque menciona mencione muestra muestre ofrece ofrezca "
        "ordena ordene organiza organice pon ponga pregunta pregunte presenta presente proporciona "
        "propón propone proponga redacta redacte reescribe reescriba reemplaza responde responda resume "
        "resuma revisa revise saluda salude sé sea selecciona seleccione separa señala señale sigue siga "
        "sugiere sugiera sustituye termina termine traduce traduzca trata trate usa use utiliza utilice "
        "verifica verifique evita evite deja deje pide pida deriva derive conserva conserve etiqueta"
    ),
    introductions=word_set(
        "a si según en para con cuando después antes de desde usando basándote tras"
    ),
    openers=word_set(
        "por favor luego después primero finalmente y siempre también ahora entonces solo sólo"
    ),
    obligations=word_set("debes debe deben"),
    negations=word_set("no nunca jamás evita evite evitar sin ningún ninguna"),
    alternatives=word_set("sino pero salvo si solo sólo únicamente cuando excepto más que"),
    vague_sizes=word_set(
        "corto corta cortos cortas breve breves conciso concisa largo larga largos largas "
        "extenso extensa"
    ),
    vague_manners=word_set("brevemente concisamente"),
    vague_counts=word_set("algunos algunas varios varias pocos pocas unos unas muchos muchas"),
    products=word_set(
        "resumen respuesta párrafo descripción explicación introducción nota correo mensaje texto "
        "título titular artículo informe reseña comentario lista biografía carta frase definición "
        "conclusión traducción versión historia anuncio síntesis ficha comunicado"
    ),
    countables=word_set(
        "frases palabras párrafos ejemplos ideas sugerencias viñetas puntos elementos opciones preguntas "
        "razones títulos nombres pasos líneas consejos datos recomendaciones argumentos variantes temas "
        "citas sinónimos etiquetas oraciones"
    ),
    numbers=word_set(
        "uno dos tres cuatro cinco seis siete ocho nueve diez once doce quince veinte "
        "treinta cincuenta cien sola "
    ),
    articles=word_set("un una"),
    units=word_set("frase oración párrafo palabra línea letra"),
    brief=word_set("breve breves brevemente conciso concisa concisos corto corta escueto escueta"),
    detailed=word_set(
        "detallado detallada detallados detalladas detalle exhaustivo exhaustiva exhaustivamente "
        "minucioso minuciosa profundidad extenso extensa"
    ),
    be=word_set("sé sea sean es mantén mantenga ser"),
    examples=word_set("ejemplo ejemplos"),
)

_WORDS = {words.language: words for words in (ENGLISH, FRENCH, GERMAN, SPANISH)}
LANGUAGES = tuple(_WORDS)

# Function words that set one language apart. The last three have no lists: they are here so that they
# are not taken for a neighbour.
_MARKERS = {
    "en": word_set(
        "at any than then their its which what when does do only but have has was were will can so "
        "the and of to is in you your with for that this it are from be not each if as by or an"
    ),
    "fr": word_set(
        "le les des du une et est dans pour vous que qui sur avec pas ne au aux par ce cette "
        "votre ton il elle si ou chaque réponds à l'article l'avis"
    ),
    "de": word_set(
        "der die das und ist nicht ein eine einen mit für auf den dem des von zu im in oder wenn "
        "als bitte du sie ihre deine jede jeder antworte nur aus"
    ),
    "es": word_set(
        "el la los las una y es en para que con no por del al se su tu si lo cada como responde "
        "sin más"
    ),
    "it": word_set(
        "il lo gli di che è e una con non del della dei nel alla da come rispondi ogni questo"
    ),
    "pt": word_set(
        "o os um uma e é em não com para do da dos das ao você que se por seu sua responda cada"
    ),
    "nl": word_set(
        "het een en van is niet met voor op de te dat je u zijn als of elke antwoord geef"
    ),
}
_NO_WORDS: frozenset[str] = frozenset()
_ENOUGH_WORDS = 400
_SHARE = 0.06


def words_of(language: str | None) -> Words | None:
    """Return the lists of a language, or None for one that has none."""
    return _WORDS.get(language or "")


def detect_language(words: Iterable[str]) -> str | None:
    """Return the language that most function words speak for, or None when none of ours clearly leads.

    Imperatives count as well, since a prompt may be three words long.
    """
    sample = list(islice(words, _ENOUGH_WORDS))
    votes = {language: _count_votes(sample, language) for language in _MARKERS}
    (first, most), (_, second) = sorted(votes.items(), key=lambda item: -item[1])[:2]
    clear = most > second and most >= max(1, _SHARE * len(sample))
    return first if clear and first in _WORDS else None


def _count_votes(sample: Iterable[str], language: str) -> int:
    markers = _MARKERS[language]
    imperatives = _WORDS[language].imperatives if language in _WORDS else _NO_WORDS
    return sum((word in markers) + (word in imperatives) for word in sample)
