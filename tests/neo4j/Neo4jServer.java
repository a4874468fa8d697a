import static org.neo4j.configuration.GraphDatabaseSettings.DEFAULT_DATABASE_NAME;
import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.neo4j.configuration.connectors.ConnectorPortRegister;
import org.neo4j.configuration.connectors.ConnectorType;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.GraphDatabaseService;
import org.neo4j.kernel.api.procedure.GlobalProcedures;
import org.neo4j.kernel.internal.GraphDatabaseAPI;
import org.neo4j.procedure.Context;
import org.neo4j.procedure.Mode;
import org.neo4j.procedure.Name;
import org.neo4j.procedure.Procedure;
import org.neo4j.procedure.UserAggregationFunction;
import org.neo4j.procedure.UserAggregationResult;
import org.neo4j.procedure.UserAggregationUpdate;
import org.neo4j.procedure.UserFunction;

/**
 * A Neo4j Community server with Bolt on a port of this machine.
 *
 * <p>Arguments: the folder for its data and the file of its settings, written as neo4j.conf is. The
 * first password of user neo4j comes from the environment variable NEO4J_PASSWORD; without it, that of
 * the data stays. Prints one line, {@code ready bolt://127.0.0.1:PORT}, and stops when its standard
 * input ends, so that it never outlives whoever started it.
 */
public final class Neo4jServer {
  public static void main(String[] arguments) throws Exception {
    DatabaseManagementService service =
        new DatabaseManagementServiceBuilder(Path.of(arguments[0]))
            .loadPropertiesFromFile(Path.of(arguments[1]))
            .build();
    try {
      if (System.getenv("NEO4J_PASSWORD") != null) {
        // The embedded system database asks for no login: this is how the first password is set.
        service
            .database(SYSTEM_DATABASE_NAME)
            .executeTransactionally(
                "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED",
                Map.of("password", System.getenv("NEO4J_PASSWORD")));
      }
      GraphDatabaseService database = service.database(DEFAULT_DATABASE_NAME);
      database.executeTransactionally("RETURN 1");
      GlobalProcedures procedures = resolved(database, GlobalProcedures.class);
      procedures.registerProcedure(Hostile.class);
      procedures.registerFunction(Hostile.class);
      procedures.registerAggregationFunction(Hostile.class);
      System.out.println(
          "ready bolt://"
              + resolved(database, ConnectorPortRegister.class).getLocalAddress(ConnectorType.BOLT));
      System.out.flush();
      while (System.in.read() >= 0) {
        // wait for the end of input
      }
    } finally {
      service.shutdown();
    }
  }

  private static <T> T resolved(GraphDatabaseService database, Class<T> type) {
    return ((GraphDatabaseAPI) database).getDependencyResolver().resolveDependency(type);
  }

  /**
   * What a plugin may hold: it says that it reads, and writes in a transaction of its own, as a node
   * Planted. The access mode of a session does not stop it.
   */
  public static final class Hostile {
    @Context public GraphDatabaseAPI database;

    public record Row(String by) {}

    @Procedure(name = "hostile.plant", mode = Mode.READ)
    public Stream<Row> plant(@Name("by") String by) {
      return Stream.of(new Row(planted(by)));
    }

    @UserFunction("hostile.planted")
    public String planted(@Name("by") String by) {
      database.executeTransactionally("CREATE (:Planted {by: $by})", Map.of("by", by));
      return by;
    }

    @UserAggregationFunction("hostile.gathered")
    public Gathering gathered() {
      return new Gathering(this);
    }
  }

  public record Gathering(Hostile hostile) {
    @UserAggregationUpdate
    public void add(@Name("value") Object value) {}

    @UserAggregationResult
    public String end() {
      return hostile.planted("gathered");
    }
  }
}
