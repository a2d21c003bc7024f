"""Vocabulary of instructions, in four languages.

Rules about wording read English, French, German and Spanish, sentence by sentence, and nothing tells the
language first: a guess about a short prompt is often wrong, and a prompt may hold two languages. Several
words of one list have to come together before a rule speaks, so that a neighbour (Italian, Portuguese)
is not read by mistake. A word that is vague in one sentence and exact in the next stays out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one language's rules look for. All in lower case.

    Attributes:
        language: Its ISO code; empty for all of them.
        imperatives: Verb forms that open an instruction.
        introductions: Words that open a phrase before the order: "Using the list, name …".
        openers: Words that may stand before the verb, such as "please" or "then".
        obligations: Words that make a sentence a rule wherever they stand.
        vague_sizes: Adjectives that set a length without saying which.
        vague_manners: Adverbs that do the same.
        vague_counts: Quantity words.
        products: Nouns for what a model writes.
        countables: Nouns for what it is asked to write several of.
        numbers: Number words that count, whatever follows.
        articles: Words that count only before a unit: "in einem Satz".
        units: What an article counts.
        be: Forms that make a predicate of an adjective ("be brief", "keep it brief").
    """

    language: str
    imperatives: frozenset[str]
    introductions: frozenset[str]
    openers: frozenset[str]
    obligations: frozenset[str]
    vague_sizes: frozenset[str]
    vague_manners: frozenset[str]
    vague_counts: frozenset[str]
    products: frozenset[str]
    countables: frozenset[str]
    numbers: frozenset[str]
    articles: frozenset[str]
    units: frozenset[str]
    be: frozenset[str]


def word_set(words: str) -> frozenset[str]:
    """Return the words of a string as a set: long lists read better without quotes and commas."""
    return frozenset(words.split())


ENGLISH = Words(
    language="en",
    imperatives=word_set(
        "accept act adapt add address adhere advise aim allocate analyse analyze annotate answer "
        "append apply approve arrange ask assemble assess assign assume avoid back balance base "
        "be begin break bring build calculate call capitalise capitalize capture categorise "
        "categorize change check choose cite claim classify clean close collect combine comment "
        "compare complete comply compute condense confirm connect consider contact continue "
        "contrast convert copy correct count create cross-check cut decide deduct define delete "
        "deliver derive describe design detail detect determine direct discuss display divide do "
        "double-check download draft edit elaborate embed emit emphasise emphasize end ensure "
        "escalate estimate evaluate examine execute expand explain explore express extract fetch "
        "fill filter find finish flag focus follow format forward gather generate get give grade "
        "greet group guide hand handle help highlight identify ignore imagine import include "
        "index infer inform insert inspect install interpret introduce invent join judge justify "
        "keep label lead leave limit link list listen load log look lower maintain make manage "
        "map mark match measure mention merge mimic monitor move name normalise normalize note "
        "notify number offer omit open optimise optimize order organise organize outline output "
        "pair paraphrase parse pass pause perform personalise pick place plan play point polish "
        "post predict prefer prepare present preserve print prioritise prioritize produce prompt "
        "proofread propose protect provide pull push put quantify query quote raise rank rate "
        "reach read recall recap recommend record redact reduce refer reject release rely remain "
        "remember remove repeat rephrase replace reply report request research resolve respond "
        "restate restrict retrieve retry return reuse review revise rewrite round route run save "
        "say scan schedule score search select send separate set share shorten show sign simplify "
        "skip solve sort speak specify spell spend split spot start state stay stick stop store "
        "strip structure submit substitute suggest summarise summarize supply support swap switch "
        "tag tailor take talk tell test think total track transcribe transform translate treat "
        "trim try turn type understand unify update upload use vary verify view wait walk watch "
        "weigh welcome withhold work wrap write"
    ),
    introductions=word_set(
        "using based from given with in for if when where after before on as once unless to at by "
        "within considering regarding"
    ),
    openers=word_set(
        "please then first second third next finally also always and lastly afterwards now "
        "instead otherwise just only simply carefully if your task is to you must should"
    ),
    obligations=word_set("must shall should"),
    vague_sizes=word_set("short brief concise long lengthy compact"),
    vague_manners=word_set("briefly concisely shortly"),
    vague_counts=word_set("some several few many couple various multiple"),
    products=word_set(
        "summary answer reply response paragraph description explanation introduction intro "
        "overview abstract synopsis note email e-mail message text title headline caption essay "
        "report story article review post comment list bio biography outline recap blurb letter "
        "digest feedback sentence statement definition rationale justification conclusion snippet "
        "tagline subject translation version paraphrase pitch speech poem dialogue script"
    ),
    countables=word_set(
        "sentences words paragraphs examples ideas suggestions bullets bullet points items "
        "options questions reasons keywords tags titles headlines names alternatives steps lines "
        "tips facts recommendations arguments variants themes topics quotes phrases taglines "
        "slogans hashtags synonyms"
    ),
    numbers=word_set(
        "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty "
        "fifty hundred single once twice half dozen"
    ),
    articles=word_set("a an"),
    units=word_set("sentence paragraph word line bullet letter"),
    be=word_set("be keep stay remain is are being make"),
)

FRENCH = Words(
    language="fr",
    imperatives=word_set(
        "adresse adressez agis aide aidez ajoute ajoutez allez analyse analysez annonce annoncez "
        "applique appliquez appuie appuyez arrondis arrondissez assure assurez attendez attends "
        "attribue attribuez avertis avertissez base basez calcule calculez cherche cherchez "
        "choisis choisissez cite citez classe classez combine combinez commence commencez compare "
        "comparez complète complétez compte comptez confirme confirmez conserve conservez "
        "convertis convertissez copie copiez corrige corrigez coupe coupez couvre crée créez "
        "demande demandez dis dites donne donnez décris décrivez définis définissez détaille "
        "détaillez détermine déterminez développe développez effectue effectuez emploie employez "
        "envoie envoyez estime estimez examine examinez explique expliquez exprime exprimez "
        "extrais extrayez fais faites formule formulez fournis fournissez garde gardez génère "
        "générez identifie identifiez ignore ignorez imagine imaginez imite imitez incluez inclus "
        "indique indiquez insère insérez interprète invite invitez joue jouez justifie justifiez "
        "laisse laissez lance lancez limite limitez lis lisez liste listez mentionne mentionnez "
        "mets mettez note notez numérote numérotez offre offrez ordonne ordonnez organise "
        "organisez ouvre ouvrez passe passez pense pensez planifie pose posez prends prenez "
        "privilégie privilégiez produis produisez prononce propose proposez précise précisez "
        "préfère prépare préparez présente présentez rappelez rappelle rassure reformule "
        "reformulez refuse refusez regroupe regroupez relevez relève remercie remerciez remplace "
        "remplacez remplis remplissez rendez rends renseigne renvoie renvoyez reporte repère "
        "repérez respecte respectez reste restez retourne retournez rédige rédigez réduis "
        "réduisez répondez réponds résume résumez réécris réécrivez salue saluez signale signalez "
        "simplifie simplifiez soigne sois souligne soyez suggère suggérez suis suivez supprime "
        "supprimez surveille synthétise sélectionne sélectionnez sépare séparez tenez termine "
        "terminez tiens traduis traduisez transforme transformez transmets transmettez trie triez "
        "trouve trouvez tutoie utilise utilisez va veuillez vise vouvoie vouvoyez vérifie "
        "vérifiez écris écrivez établis établissez évalue évaluez"
    ),
    introductions=word_set(
        "à si selon en pour dans avec quand lorsque après avant sur d'après s'il depuis d"
    ),
    openers=word_set(
        "puis ensuite enfin d'abord alors et toujours aussi sinon uniquement maintenant"
    ),
    obligations=word_set("dois devez doit doivent faut"),
    vague_sizes=word_set(
        "court courte courts courtes bref brève brefs brèves concis concise concises long longue "
        "longs longues succinct succincte"
    ),
    vague_manners=word_set("brièvement succinctement"),
    vague_counts=word_set("quelques plusieurs certains certaines divers diverses"),
    products=word_set(
        "résumé réponse paragraphe description explication introduction aperçu synthèse note "
        "courriel mail e-mail message texte titre article avis commentaire liste biographie plan "
        "lettre rapport phrase définition conclusion légende accroche traduction version histoire "
        "critique annonce fiche"
    ),
    countables=word_set(
        "phrases mots paragraphes exemples idées suggestions puces points éléments options "
        "questions raisons titres noms étapes lignes conseils faits recommandations arguments "
        "variantes thèmes mots-clés citations synonymes"
    ),
    numbers=word_set(
        "deux trois quatre cinq six sept huit neuf dix onze douze quinze vingt trente cinquante "
        "cent seul seule dizaine"
    ),
    articles=word_set("un une"),
    units=word_set("phrase paragraphe mot ligne puce lettre"),
    be=word_set("sois soyez reste restez être est sera"),
)

GERMAN = Words(
    language="de",
    imperatives=word_set(
        "achte achten analysiere analysieren antworte antworten beachte beachten beantworte "
        "beantworten beginne beginnen begründe begründen begrüße begrüßen behalte behalten "
        "benenne benutze benutzen berechne berechnen berücksichtige berücksichtigen beschreibe "
        "beschreiben beschränke beschränken bestimme bestimmen bestätige bestätigen beurteile "
        "bevorzuge bewerte bewerten biete bieten bilde bitte bleib bleibe bleiben bringe bringen "
        "danke danken definiere definieren denke drücke einordne empfehlen empfiehl entferne "
        "entfernen entscheide entscheiden erfasse erfassen ergänze ergänzen erinnere erkläre "
        "erklären erläutere erläutern ermitteln ermittle ersetze ersetzen erstelle erstellen "
        "erwähne erwähnen erzeuge erzeugen erzähle erzählen extrahiere extrahieren fange fass "
        "fasse fassen filtere filtern finde finden folge folgen fordere fordern formuliere "
        "formulieren frag frage fragen füge fügen führe führen geben geh gehe gehen gib gliedere "
        "gliedern gruppiere gruppieren halte halten hebe hole holen identifiziere identifizieren "
        "ignoriere ignorieren informiere informieren kennzeichne kennzeichnen klassifiziere "
        "klassifizieren kombiniere komm kommentiere konzentriere kopiere korrigier korrigiere "
        "korrigieren kürze kürzen lade lass lasse lassen lege legen leite leiten lerne lesen "
        "liefere liefern lies liste listen lösche löschen löse lösen mache machen markiere "
        "markieren melde melden merke nehmen nenne nennen nimm notiere notieren nummeriere nutze "
        "nutzen optimiere ordne ordnen passe passen plane planen protokolliere präsentiere prüfe "
        "prüfen reagiere recherchiere rechne runde runden sag sage sagen sammeln sammle schau "
        "schicke schicken schlage schlagen schließe schließen schreib schreibe schreiben schätze "
        "sei seien sende senden setze setzen sichere siehe sieze simuliere sorge sorgen sortiere "
        "sortieren speichere speichern spiele sprich starte starten stelle stellen stoppe "
        "strukturiere stütze stützen suche suchen summiere teile teilen teste testen trenne "
        "unterscheide unterscheiden unterstreiche untersuche untersuchen verbessere verbessern "
        "verbinde verfass verfasse verfassen vergeben vergib vergiss vergleiche vergleichen "
        "verknüpfe vermerke verschiebe verschieben vervollständige verweigere verweise verweisen "
        "verwende verwenden verwirf wandle warne warte warten wechsle weiche weise weisen wende "
        "wenden werte werten wiederhole wähle wählen zeige zeigen zerlege ziehe ziehen zitiere "
        "zitieren zähle zählen öffne öffnen übe überarbeite überarbeiten übernehmen übernimm "
        "übersetze übersetzen"
    ),
    introductions=word_set("wenn falls sobald nachdem bevor sofern um soweit"),
    openers=word_set(
        "bitte dann zuerst danach anschließend zuletzt immer und jetzt sonst nur auch erst "
        "zunächst schließlich"
    ),
    obligations=word_set("musst müssen muss sollst sollen soll darfst dürfen"),
    vague_sizes=word_set(
        "kurz kurze kurzen kurzer kurzes knapp knappe knappen knapper knappes prägnante "
        "prägnanten lange langen langer langes ausführliche ausführlichen"
    ),
    vague_manners=word_set("kurz knapp"),
    vague_counts=word_set(
        "einige einigen einiger mehrere mehreren mehrerer paar viele vielen manche"
    ),
    products=word_set(
        "zusammenfassung antwort absatz beschreibung erklärung einleitung übersicht überblick "
        "notiz e-mail mail nachricht text titel überschrift artikel bericht bewertung kommentar "
        "liste brief satz definition fazit begründung übersetzung fassung version geschichte "
        "rezension anzeige produktbeschreibung stellungnahme rückmeldung"
    ),
    countables=word_set(
        "sätze sätzen wörter wörtern worte worten absätze absätzen beispiele beispielen ideen "
        "vorschläge vorschlägen punkte punkten stichpunkte stichpunkten optionen fragen gründe "
        "titel namen schritte schritten zeilen tipps fakten empfehlungen argumente argumenten "
        "varianten themen schlagwörter zitate synonyme überschriften"
    ),
    numbers=word_set(
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf fünfzehn zwanzig dreißig "
        "fünfzig hundert einziger einzigen einzige"
    ),
    articles=word_set("ein eine einen einem einer"),
    units=word_set("satz absatz wort zeile stichpunkt"),
    be=word_set("sei seien bleibe bleib bleiben ist halte halten"),
)

SPANISH = Words(
    language="es",
    imperatives=word_set(
        "abra abre acepta actúa actúe adapta agrega agregue ajusta analice analiza aplica aplique "
        "aporta aprovecha asegura asegúrate asigna asigne atienda atiende avisa avise ayuda ayude "
        "añada añade basa busca busque calcula calcule calma cambia cierra cierre cita cite "
        "clasifica clasifique combina comenta comienza compara compare completa comprueba "
        "compruebe confirma confirme conserva conserve consulta consulte contesta conteste "
        "contrasta convierta convierte copia copie corrige corrija corta crea cree cubre cuenta "
        "cuida da dale decide define deja deje deriva derive describa describe detalla detalle "
        "detecta detecte determina determine devuelva devuelve di diga dirige dirija distingue "
        "divide edita elige elija elimina elimine empieza emplea emplee encuentra encuentre "
        "entrega enumera enumere envía envíe escoge escriba escribe especifica especifique espera "
        "espere estima etiqueta evalúa evalúe evita evite explica explique expresa extrae "
        "extraiga fija firma firme formula formule genera genere guarda guarde haga haz "
        "identifica identifique ignora ignore imagina imita incluya incluye indica indique "
        "informa informe inserta inserte interpreta introduce justifica justifique lea lee limita "
        "limite limpia limítate lista liste llama llame mantenga mantén marca marque mejora "
        "mejore menciona mencione mide muestra muestre nombra nombre numera obtén ofrece ofrezca "
        "omita omite opta ordena ordene organice organiza parte pida pide pon ponga pregunta "
        "pregunte prepara prepare presenta presente prioriza procesa propone proponga proporciona "
        "propón prueba publica publique quita quite realice realiza recoge recomienda recuerda "
        "recuerde redacta redacte redondea reduce reemplaza reescriba reescribe registra registre "
        "relaciona rellena repite resalta reserva responda responde resuelve resuma resume revisa "
        "revise reúne saluda salude sea selecciona seleccione separa señala señale siga sigue "
        "simplifica simula solicita solicite subraya sugiera sugiere suma sustituye sé termina "
        "termine toma tome traduce traduzca transcribe transforma trata trate usa use utilice "
        "utiliza ve verifica verifique vuelve"
    ),
    introductions=word_set(
        "a si según en para con cuando después antes de desde usando basándote tras"
    ),
    openers=word_set(
        "por favor luego después primero finalmente y siempre también ahora entonces solo sólo"
    ),
    obligations=word_set("debes debe deben"),
    vague_sizes=word_set(
        "corto corta cortos cortas breve breves conciso concisa largo larga largos largas extenso "
        "extensa"
    ),
    vague_manners=word_set("brevemente concisamente"),
    vague_counts=word_set("algunos algunas varios varias pocos pocas unos unas muchos muchas"),
    products=word_set(
        "resumen respuesta párrafo descripción explicación introducción nota correo mensaje texto "
        "título titular artículo informe reseña comentario lista biografía carta frase definición "
        "conclusión traducción versión historia anuncio síntesis ficha comunicado"
    ),
    countables=word_set(
        "frases palabras párrafos ejemplos ideas sugerencias viñetas puntos elementos opciones "
        "preguntas razones títulos nombres pasos líneas consejos datos recomendaciones argumentos "
        "variantes temas citas sinónimos etiquetas oraciones"
    ),
    numbers=word_set(
        "uno dos tres cuatro cinco seis siete ocho nueve diez once doce quince veinte treinta "
        "cincuenta cien sola"
    ),
    articles=word_set("un una"),
    units=word_set("frase oración párrafo palabra línea letra"),
    be=word_set("sé sea sean es mantén mantenga ser"),
)

VOCABULARIES = (ENGLISH, FRENCH, GERMAN, SPANISH)
LANGUAGES = tuple(words.language for words in VOCABULARIES)
ANY = Words(
    language="",
    **{
        field.name: frozenset[str]().union(*(getattr(words, field.name) for words in VOCABULARIES))
        for field in fields(Words)
        if field.name != "language"
    },
)
"""The words of all four: an order is one in whichever language it is given."""
